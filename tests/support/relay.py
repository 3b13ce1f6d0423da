"""A relay on loopback between a client and a server, which can cut connections in the middle of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from engine.tasks import TaskGroup


@dataclass
class Relay:
    """`cuts` are after how many bytes of an answer each connection in turn is cut; `connections` counts them all."""

    target: int
    port: int = 0
    cuts: list[int] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        left = self.cuts.pop(0) if self.cuts else None
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        tasks = TaskGroup(lambda _name, _error: None)
        tasks.start(_copy(reader, there_writer, None), "to the server")
        try:
            with suppress(ConnectionError):
                await _copy(there_reader, writer, left)
        finally:
            await tasks.aclose()
            for one in (writer, there_writer):
                one.close()
                with suppress(ConnectionError):
                    await one.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
    while left != 0 and (data := await reader.read(65536 if left is None else min(65536, left))):
        writer.write(data)
        await writer.drain()
        left = None if left is None else left - len(data)


@asynccontextmanager
async def relay(target: int) -> AsyncIterator[Relay]:
    """Run one in front of a port of this machine."""
    found = Relay(target)
    connections = TaskGroup(lambda _name, _error: None)
    server = await asyncio.start_server(
        lambda reader, writer: connections.start(found.serve(reader, writer), "relay") and None, "127.0.0.1", 0
    )
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        await connections.aclose()
        await server.wait_closed()
