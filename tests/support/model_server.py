"""A small inference server that answers in every way that a model does. On the test's loop."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.multipart import BodyPartReader

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080200000090"
    "7753de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)
REASON = "digits 1.0 has no worker that is ready. Retry them."


def a_wav() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\x00\x40" * 800)
    return target.getvalue()


@dataclass
class ModelServer:
    """Answers by the version in the path; `requests` are headers and body, parts as name, file name and bytes."""

    url: str = ""
    requests: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(({key.lower(): value for key, value in request.headers.items()}, await _body(request)))
        kind = request.path.rsplit("/", 1)[-1]
        if kind == "slow":
            self.waiting.set()
            await self.gate.wait()
        if kind == "stream":
            return await self._stream(request)
        return ANSWERS[kind]() if kind in ANSWERS else web.json_response({"path": request.raw_path})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"first ")
        self.waiting.set()
        await self.gate.wait()
        await response.write(b"second")
        await response.write_eof()
        return response


ANSWERS = {
    "image": lambda: web.Response(body=PNG, content_type="image/png"),
    "wav": lambda: web.Response(body=a_wav(), content_type="audio/wav"),
    "text": lambda: web.Response(text="seven"),
    "bytes": lambda: web.Response(body=bytes(range(256)), content_type="application/octet-stream"),
    "large": lambda: web.Response(body=b"line\n" * 100_000, content_type="text/plain"),
    "empty": lambda: web.Response(body=b""),
    "error": lambda: web.json_response(
        {"code": 503, "type": "ServiceUnavailableException", "message": "no worker"},
        status=503,
        headers={"x-marina-reason": REASON},
    ),
}


async def _body(request: web.Request) -> Any:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    parts = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        parts.append((part.name, part.filename, bytes(await part.read())))
    return parts


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    server = ModelServer()
    app = web.Application(client_max_size=2**30)
    app.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    try:
        yield server
    finally:
        server.gate.set()
        await runner.cleanup()
