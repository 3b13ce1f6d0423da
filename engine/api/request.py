"""A request as the listeners see it, which adds to every answer what they have to say. On the loop; no I/O."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE

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


class Request(web.BaseRequest):
    """A request whose every answer, one in pieces included, carries `cors` and says whether the connection stays."""

    cors: Mapping[str, str] = {}

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.update(self.cors)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("X-Frame-Options", "DENY")
        # Which libraries at which versions answer is nobody's business; what a handler says of itself stays.
        if response.headers.get("Server") == SERVER_SOFTWARE:
            del response.headers["Server"]
        # aiohttp has said "close" by now where it will; TorchServe says the other thing too.
        response.headers.setdefault("Connection", "keep-alive")
