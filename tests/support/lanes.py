"""A client that writes requests byte by byte, and what tells which lane answered them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from yarl import URL

from engine.api.express import ExpressLane
from engine.api.request import Begun
from tests.support.servers import Server

NEW_EACH_TIME = re.compile(rb"(?<=\r\nx-request-id: )[0-9a-f-]{36}|(?<=\r\nDate: )\w{3}, [^\r]*GMT")


class Client:
    """A connection that says what it likes, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    def send(self, head: str, *fields: str, body: bytes = b"") -> None:
        lines = [head, f"Host: {self._host}", *fields, *([f"Content-Length: {len(body)}"] if body else [])]
        self.write("".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self) -> tuple[bytes, bytes]:
        """Head and body of the next answer."""
        async with asyncio.timeout(10):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            return head, await self._reader.readexactly(int(length[1]) if length else 0)

    async def until(self, end: bytes) -> bytes:
        """What comes up to `end`, which is part of it."""
        async with asyncio.timeout(10):
            return await self._reader.readuntil(end)

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            return await self._reader.read(1) == b""

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def lines_of(head: bytes) -> list[bytes]:
    """Return the lines of an answer's head in one order, without what is new each time."""
    return sorted(NEW_EACH_TIME.sub(b"", head).split(b"\r\n"))


async def connect(server: Server, api: str = "inference") -> Client:
    url = URL(server.host.addresses[api])
    reader, writer = await asyncio.open_connection(url.host, url.port)
    return Client(reader, writer, f"{url.host}:{url.port}")


@contextmanager
def written() -> Iterator[list[bool]]:
    """Note for each request that came into the express lane whether its answer was written there."""
    found: list[bool] = []
    real = ExpressLane.written

    def note(lane: ExpressLane, begun: Begun) -> tuple[bytes, memoryview] | None:
        answer = real(lane, begun)
        found.append(answer is not None)
        return answer

    with patch.object(ExpressLane, "written", note):
        yield found


@contextmanager
def closed_lane() -> Iterator[None]:
    with patch.object(ExpressLane, "recognised", lambda _lane, _head: None):
        yield


Scenario = Callable[[Server, Client], Awaitable[None]]
