"""A web server on loopback that archives are downloaded from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Upstream:
    """Serves `files` by path, redirects `moved` ones, and never finishes those in `endless`; `asked` is what came,
    and `seen` the headers of the last request.
    """

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    endless: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked.append(path)
        self.seen = request.headers
        if path in self.moved:
            return web.Response(status=302, headers={"Location": self.moved[path]})
        if path in self.endless:
            return await self._trickle(request)
        if path.startswith("/status/"):
            return web.Response(status=int(path.split("/")[2]))
        if path not in self.files:
            return web.Response(status=404)
        return web.Response(body=self.files[path], headers=self.headers)

    async def _trickle(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"PK")
        self.begun.set()
        await asyncio.Event().wait()
        return response


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """Run an empty one."""
    site = Upstream()
    app = web.Application()
    app.router.add_get("/{path:.*}", site.answer)
    async with TestServer(app) as server:
        site.port = server.port or 0
        yield site
