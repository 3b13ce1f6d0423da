"""A web server on loopback that knows parts and validators, and breaks connections when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

PIECE = 64 * 1024


@dataclass
class Ranged:
    """Serves `file` under every path.

    `headers` are the validators, `cuts` after how many bytes each answer in turn breaks, when `on_cut` is called, and
    `rate` the bytes per second. Without `knows_ranges` a part is never sent; without `knows_if_range` it is sent
    whatever the file is by now, as S3 does. `instead` are statuses that answer first; `begun` is set while a body is on
    its way; `asked` are the requests.
    """

    file: Path
    port: int = 0
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"1"'})
    cuts: list[int] = field(default_factory=list)
    instead: list[int] = field(default_factory=list)
    rate: float | None = None
    knows_ranges: bool = True
    knows_if_range: bool = True
    asked: list[Mapping[str, str]] = field(default_factory=list)
    sent: int = 0
    on_cut: Callable[[], None] = lambda: None
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/big.mar"

    def change(self, content: bytes) -> None:
        self.file.write_bytes(content)
        self.headers["ETag"] = '"2"'

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.headers)
        if self.instead:
            return web.Response(status=self.instead.pop(0))
        if "ETag" in self.headers and request.headers.get("If-None-Match") == self.headers["ETag"]:
            return web.Response(status=304, headers=self.headers)
        size, start = self.file.stat().st_size, self._start(request)
        headers = {**self.headers, "Content-Length": str(size - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        await response.prepare(request)
        self.begun.set()
        await self._send(request, response, start)
        return response

    def _start(self, request: web.Request) -> int:
        condition = request.headers.get("If-Range")
        if "Range" not in request.headers or not self.knows_ranges:
            return 0
        if self.knows_if_range and condition not in {None, *self.headers.values()}:
            return 0
        return int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))

    async def _send(self, request: web.Request, response: web.StreamResponse, start: int) -> None:
        left = self.cuts.pop(0) if self.cuts else None
        began, sent = asyncio.get_running_loop().time(), 0
        with self.file.open("rb") as file:
            file.seek(start)
            while piece := file.read(PIECE if left is None else min(PIECE, left - sent)):
                await response.write(piece)
                sent += len(piece)
                self.sent += len(piece)
                if self.rate:
                    await asyncio.sleep(began + sent / self.rate - asyncio.get_running_loop().time())
        if left is not None and request.transport:
            # Let what was sent arrive: an abort throws away whatever waits in the buffers.
            await asyncio.sleep(0.02)
            self.begun.clear()
            self.on_cut()
            request.transport.abort()


def long_ago() -> str:
    """Return a Last-Modified that is a strong validator."""
    return formatdate(1_700_000_000, usegmt=True)


@asynccontextmanager
async def ranged(file: Path) -> AsyncIterator[Ranged]:
    """Run one."""
    site = Ranged(file)
    app = web.Application()
    app.router.add_get("/{path:.*}", site.answer)
    async with TestServer(app) as server:
        site.port = server.port or 0
        yield site
