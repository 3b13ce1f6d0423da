"""A request as the listeners see it, which adds to every answer what they have to say. On the loop; no I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE
from multidict import CIMultiDict

from engine.serving.jobs import Reply
from engine.settings import Settings


def cors_headers(settings: Settings) -> dict[str, str]:
    """Return the headers that let pages of other origins read the answers; none unless the settings ask for them.

    TorchServe: they go out word for word with every answer, whatever the request's origin.
    """
    headers = {
        "Access-Control-Allow-Origin": settings.cors_allowed_origin,
        "Access-Control-Allow-Methods": settings.cors_allowed_methods,
        "Access-Control-Allow-Headers": settings.cors_allowed_headers,
    }
    return {name: value for name, value in headers.items() if value}


def complete(headers: CIMultiDict[str], cors: Mapping[str, str]) -> None:
    """Add what every answer says; what a handler chose stays, but for `cors`."""
    headers.update(cors)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Connection", "keep-alive")


class Begun(NamedTuple):
    """A prediction that was asked for. `started` is when, by `time.perf_counter`, where there is an access log."""

    request_id: str
    future: asyncio.Future[Reply]
    started: float = 0.0

    def abandon(self) -> None:
        """Let go of the answer, since its caller has gone."""
        if not self.future.done():
            self.future.cancel()
        elif not self.future.cancelled() and not self.future.exception() and (stream := self.future.result().stream):
            stream.close()


class Request(web.BaseRequest):
    """A request whose every answer, one in pieces included, carries `cors` and says whether the connection stays.

    `begun` is the prediction that the express lane asked for, and could not answer.
    """

    cors: Mapping[str, str] = {}
    begun: Begun | None = None

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        # aiohttp names what differs from the default of the request's HTTP version; TorchServe always names it.
        if not response.keep_alive:
            response.headers.setdefault("Connection", "close")
        complete(response.headers, self.cors)
        # Which libraries at which versions answer is nobody's business; what a handler says of itself stays.
        if response.headers.get("Server") == SERVER_SOFTWARE:
            del response.headers["Server"]
