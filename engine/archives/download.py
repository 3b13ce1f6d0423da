"""Fetching an archive into the model store: over http, https, from S3, or from a file elsewhere on this machine.

A request to S3 is one over http or https with a signature. Requests run on the loop; disk, looking up hosts and boto3
in threads. Nothing of a download is in the store under its name before it is whole and checked, and nothing is left of
one that failed or was cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from urllib.request import url2pathname

from aiohttp import (
    ClientConnectionError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from engine.archives.incoming import Incoming
from engine.archives.progress import CHUNK, Meter, ProgressCallback
from engine.archives.s3_answers import Refusal, no_answer, read_refusal
from engine.archives.s3_urls import S3Object, is_presigned, is_s3, s3_object
from engine.archives.urls import Source, file_name, is_public, judge, not_public
from engine.errors import ArchiveNotFoundError, BadRequestError, DownloadError
from engine.threads import Threads

if TYPE_CHECKING:
    from engine.archives.s3_access import Access

Lookup = Callable[[str, int], Awaitable[list[str]]]

log = logging.getLogger(__name__)

MAX_REDIRECTS = 3
# Seconds: until connected, without a byte, and for all of it, which ends a source that trickles.
CONNECT_SECONDS = 30.0
SILENCE_SECONDS = 60.0
TOTAL_SECONDS = 24 * 3600.0
# Between one signed request and the next, in seconds; then it is given up.
PAUSES = (0.5, 1.0, 2.0)
# The longest answer without an archive that is looked at, in bytes.
MAX_ANSWER = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
# The archive as it lies there: what is compressed on the way could grow without end.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "Marina"}


class Downloader:
    """Brings archives into one model store, from where `allowed` lets them come (`urls.judge`)."""

    def __init__(
        self, allowed: tuple[str, ...] | None, model_store: Path, threads: Threads, lookup: Lookup | None = None
    ) -> None:
        """`lookup(host, port)` replaces how the addresses of a host are found."""
        self._allowed = allowed
        self._store = model_store
        self._threads = threads
        self._lookup = lookup or look_up

    async def fetch(self, url: str, progress: ProgressCallback | None = None, *, signed: bool = False) -> Path:
        """Return the file in the model store that now holds the archive; `progress` is called on the loop.

        With `signed`, and always for s3://, the request carries AWS's signature, made from the credentials that boto3
        finds; SSE-S3 and SSE-KMS need no more. Whatever is raised, and when cancelled, nothing is left.

        Raises:
            ArchiveNotFoundError: the URL is not allowed.
            BadRequestError: it is to be signed, but names no object or is a file.
            ConflictError: the store has a file of that name (TorchServe).
            DownloadError: it could not be read; the log says why, and for a signed request the error as well.
            InvalidArchiveError: what came is no archive.

        """
        source = judge(url, self._allowed)
        signed = _is_signed(source, wished=signed)
        target = s3_object(url, source.parsed) if signed else None
        incoming = Incoming(self._store, file_name(source))
        try:
            await self._whole(incoming.open)
            if source.is_file:
                await self._threads.run_cancellable(
                    lambda report, cancel: _copy_file(source, incoming, report, cancel), progress
                )
            elif signed:
                await self._request_signed(source, target, incoming, progress)
            else:
                await self._request(source, incoming, progress)
            return await self._threads.run_cancellable(lambda _report, cancel: incoming.place(cancel), None)
        except BaseException as error:
            await self._whole(incoming.discard)
            if isinstance(error, OSError | ClientError):
                # Without the query, which may hold a signature.
                log.warning("%s could not be fetched: %r", url.partition("?")[0], error)
                # TorchServe: no reason. A signed request has so many ways to fail that it says which one it was.
                reason = f". {error}" if signed and str(error) else ""
                raise DownloadError(f"Failed to download archive from: {url}{reason}") from error
            raise

    async def _request(self, source: Source, incoming: Incoming, progress: ProgressCallback | None) -> None:
        hop, addresses = source, await self._addresses(source)
        for _ in range(MAX_REDIRECTS + 1):
            async with _session(addresses) as session, session.get(hop.parsed, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    return await self._save(response, incoming, progress)
                location = response.headers.get("Location", "")
            hop, addresses = await self._follow(hop, location)
        raise OSError(f"more than {MAX_REDIRECTS} redirects")

    async def _request_signed(
        self, source: Source, target: S3Object | None, incoming: Incoming, progress: ProgressCallback | None
    ) -> None:
        access = await self._threads.run(_open_access, source, target)
        for pause in (*PAUSES, None):
            refusal = await self._ask(access, incoming, progress)
            if refusal is None:
                return None
            if refusal.region not in {"", access.region} and not access.moved:
                access = await self._threads.run(access.in_region, refusal.region)
            elif refusal.status in _REDIRECTS and target is None:
                following, _ = await self._follow(access.source, refusal.location)
                if not _is_same_host(access.source, following):
                    # A signature stays with the host that it was made for.
                    return await self._request(following, incoming, progress)
                access = access.at(following)
            elif refusal.is_busy and pause:
                await asyncio.sleep(pause)
            else:
                break
        raise OSError(f"{access}: {refusal}")

    async def _ask(self, access: Access, incoming: Incoming, progress: ProgressCallback | None) -> Refusal | None:
        """Save the archive and return None, or return why there was none."""
        async with _session(await self._addresses(access.source)) as session:
            try:
                asking = session.get(access.source.parsed, headers=access.headers(), allow_redirects=False)
                response = await asking
            except ClientConnectionError as error:
                return no_answer(error)
            async with response:
                if response.status == HTTPStatus.OK:
                    await self._save(response, incoming, progress)
                    return None
                text = access.without_secrets((await _beginning(response)).decode(errors="replace"))
                return read_refusal(response.status, response.headers, text)

    async def _addresses(self, source: Source) -> list[str]:
        """Return where to connect to; ArchiveNotFoundError when one of the addresses is not public but must be."""
        async with asyncio.timeout(CONNECT_SECONDS):
            found = await self._lookup(source.parsed.host or "", source.parsed.port or 0)
        if source.public_only and not all(is_public(address) for address in found):
            raise not_public(source.url)
        return found

    async def _follow(self, hop: Source, location: str) -> tuple[Source, list[str]]:
        """Judge where a redirect leads as if it had been asked for; what is refused is no concern of the caller's."""
        try:
            following = judge(urljoin(str(hop.parsed), location), self._allowed)
            if following.parsed.scheme not in {hop.parsed.scheme, "https"}:
                raise OSError(f"a redirect from {hop.parsed.scheme} to {following.parsed.scheme}")
            return following, await self._addresses(following)
        except (ArchiveNotFoundError, ValueError) as error:
            raise OSError(f"a redirect that is refused: {error}") from error

    async def _save(self, response: ClientResponse, incoming: Incoming, progress: ProgressCallback | None) -> None:
        if response.status != HTTPStatus.OK:
            raise OSError(f"the answer is {response.status} {response.reason}")
        total = response.content_length or 0
        await self._threads.run(incoming.require_room, total)
        meter = Meter("downloading", total, progress, None)
        async for chunk in response.content.iter_chunked(CHUNK):
            await self._whole(partial(incoming.write, chunk))
            meter.add(len(chunk))
        meter.report()

    async def _whole(self, work: Callable[[], None]) -> None:
        """Do `work` in a thread; a caller that is cancelled meanwhile leaves once it is done."""
        await self._threads.run_cancellable(lambda _report, _cancel: work(), None)


class _Checked(AbstractResolver):
    """Answers with the addresses that were judged, so that no other answer of a name server is ever connected to."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return every address that was judged."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
        ]

    @override
    async def close(self) -> None:
        """Nothing is open."""


def _session(addresses: list[str]) -> ClientSession:
    """Return a client for one request: no proxy, no cookies, nothing unpacked, certificates checked."""
    return ClientSession(
        connector=TCPConnector(resolver=_Checked(addresses), use_dns_cache=False, force_close=True),
        timeout=ClientTimeout(TOTAL_SECONDS, CONNECT_SECONDS, sock_read=SILENCE_SECONDS),
        headers=_HEADERS,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=CHUNK,
    )


def _is_signed(source: Source, *, wished: bool) -> bool:
    """Whether AWS's signature goes with the request; a URL that carries one needs no other."""
    if wished and source.is_file:
        raise BadRequestError("s3_sse_kms is for http, https and s3 URLs; leave it out for a file.")
    return is_s3(source.url) or (wished and not is_presigned(source.parsed))


def _is_same_host(one: Source, other: Source) -> bool:
    return (one.parsed.host, one.parsed.explicit_port) == (other.parsed.host, other.parsed.explicit_port)


def _open_access(source: Source, target: S3Object | None) -> Access:
    from engine.archives.s3_access import open_access  # noqa: PLC0415 - boto3 is slow to import, and few need it

    return open_access(source, target)


async def _beginning(response: ClientResponse) -> bytes:
    """Return the first MAX_ANSWER bytes of an answer, or a few more."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= MAX_ANSWER:
            break
    return body


def _copy_file(source: Source, incoming: Incoming, report: ProgressCallback, cancel: threading.Event) -> None:
    path = Path(url2pathname(source.parsed.raw_path))
    if not path.is_file():
        raise OSError(f"{path} is no file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        incoming.require_room(size)
        meter = Meter("downloading", size, report, cancel)
        while chunk := file.read(CHUNK):
            incoming.write(chunk)
            meter.add(len(chunk))
    meter.report()


async def look_up(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host; raises OSError.

    In a thread of its own: a name server that does not answer holds up neither the disk nor Marina's end.
    """
    found: Future[list[str]] = Future()
    found.set_running_or_notify_cancel()

    def work() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            found.set_exception(OSError(f"the host {host} is unknown: {error}"))
        else:
            found.set_result([str(info[4][0]) for info in infos])

    threading.Thread(target=work, name=f"look up {host}", daemon=True).start()
    return await asyncio.wrap_future(found)
