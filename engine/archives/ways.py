"""How an archive is asked for: plainly, or with AWS's signature; redirects included. On the loop, boto3 in threads.

A way may be asked again and again, for the rest of an archive or whether it changed; each time hosts are looked up and
judged, and signatures made, anew. An answer is one of ANSWERS, or for a plain request whatever the server says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from aiohttp import ClientConnectionError, ClientResponse

from engine.archives import connecting
from engine.archives.connecting import Routes, UnreachableError
from engine.archives.s3_answers import Refusal, no_answer, read_refusal
from engine.errors import ArchiveNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from engine.archives.s3_access import Access
    from engine.archives.s3_urls import S3Object
    from engine.archives.urls import Source
    from engine.threads import Threads

MAX_REDIRECTS = 3
# Between one signed request and the next, in seconds; then it is given up.
PAUSES = (0.5, 1.0, 2.0)
# The longest answer without an archive that is looked at, in bytes.
MAX_ANSWER = 64 * 1024
ANSWERS = {
    HTTPStatus.OK,
    HTTPStatus.PARTIAL_CONTENT,
    HTTPStatus.NOT_MODIFIED,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
}
_REDIRECTS = {301, 302, 303, 307, 308}


class Way(Protocol):
    """One source, and how it is asked."""

    def ask(self, headers: Mapping[str, str]) -> AbstractAsyncContextManager[ClientResponse]:
        """Give the answer to a request with these headers; raises ArchiveNotFoundError, OSError and ClientError."""
        ...


class PlainWay:
    """A request as any browser makes it."""

    def __init__(self, source: Source, routes: Routes) -> None:
        self._source = source
        self._routes = routes

    @asynccontextmanager
    async def ask(self, headers: Mapping[str, str]) -> AsyncIterator[ClientResponse]:
        """Give the answer at the end of all redirects, whatever it is."""
        hop = self._source
        for _ in range(MAX_REDIRECTS + 1):
            async with _get(self._routes, hop, headers, is_redirect=hop is not self._source) as response:
                if response.status not in _REDIRECTS:
                    yield response
                    return
                location = response.headers.get("Location", "")
            hop = await self._routes.follow(hop, location)
        raise OSError(f"more than {MAX_REDIRECTS} redirects")


class SignedWay:
    """A request with AWS's signature, from whatever credentials boto3 finds at that moment.

    `target` is None for a host that is not S3's own; `profile` names the credentials, None leaves them to boto3.
    `customer_key` is the file with the key for objects under SSE-C. The key is sent once S3 has asked for one.
    """

    def __init__(
        self,
        source: Source,
        target: S3Object | None,
        routes: Routes,
        threads: Threads,
        profile: str | None = None,
        customer_key: Path | None = None,
    ) -> None:
        self._source = source
        self._target = target
        self._routes = routes
        self._threads = threads
        self._profile = profile
        self._customer_key = customer_key

    @asynccontextmanager
    async def ask(self, headers: Mapping[str, str]) -> AsyncIterator[ClientResponse]:
        """Give one of ANSWERS; anything else becomes an OSError, an UnreachableError when it may pass."""
        access = await self._threads.run(_open_access, self._source, self._target, self._profile)
        for pause in (*PAUSES, None):
            async with self._once(access, headers) as answer:
                if isinstance(answer, ClientResponse):
                    yield answer
                    return
            refusal: Refusal = answer
            following = await self._next(access, refusal, pause)
            if isinstance(following, PlainWay):
                async with following.ask(headers) as response:
                    yield response
                return
            if following is None:
                break
            access = following
        raise (UnreachableError if refusal.is_busy else OSError)(f"{access}: {refusal}")

    async def _next(self, access: Access, refusal: Refusal, pause: float | None) -> Access | PlainWay | None:
        """Return how to ask next, maybe after a pause; None when that is of no use."""
        if refusal.region not in {"", access.region} and not access.moved:
            return await self._threads.run(access.in_region, refusal.region)
        if refusal.wants_customer_key and self._customer_key and not access.customer_key:
            return await self._threads.run(access.with_customer_key, self._customer_key)
        if refusal.status in _REDIRECTS and self._target is None:
            following = await self._routes.follow(access.source, refusal.location)
            # A signature stays with the host that it was made for.
            is_here = _is_same_host(access.source, following)
            return access.at(following) if is_here else PlainWay(following, self._routes)
        if refusal.is_busy and pause:
            await asyncio.sleep(pause)
            return access
        return None

    @asynccontextmanager
    async def _once(self, access: Access, headers: Mapping[str, str]) -> AsyncIterator[ClientResponse | Refusal]:
        async with AsyncExitStack() as stack:
            # What was signed does not include these headers; S3 takes them all the same.
            asking = _get(self._routes, access.source, {**headers, **access.headers()})
            answer: ClientResponse | Refusal
            try:
                answer = await stack.enter_async_context(asking)
            except ClientConnectionError as error:
                answer = no_answer(error)
            else:
                if answer.status not in ANSWERS:
                    answer = await _refusal(access, answer)
            yield answer


@asynccontextmanager
async def _get(
    routes: Routes, source: Source, headers: Mapping[str, str], *, is_redirect: bool = False
) -> AsyncIterator[ClientResponse]:
    try:
        route = await routes.to(source)
    except ArchiveNotFoundError as error:
        if is_redirect:
            raise OSError(f"a redirect that is refused: {error}") from error
        raise
    async with (
        connecting.open_session(route) as session,
        session.get(
            source.parsed, headers=headers, proxy_headers=route.proxy_headers, allow_redirects=False
        ) as response,
    ):
        yield response


def _is_same_host(one: Source, other: Source) -> bool:
    return (one.parsed.host, one.parsed.explicit_port) == (other.parsed.host, other.parsed.explicit_port)


def _open_access(source: Source, target: S3Object | None, profile: str | None) -> Access:
    from engine.archives.s3_access import open_access  # noqa: PLC0415 - boto3 is slow to import, and few need it

    return open_access(source, target, profile)


async def _refusal(access: Access, response: ClientResponse) -> Refusal:
    """Read why there is no archive, from MAX_ANSWER bytes or a few more."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= MAX_ANSWER:
            break
    return read_refusal(response.status, response.headers, access.without_secrets(body.decode(errors="replace")))
