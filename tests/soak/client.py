"""One client of the soak, a process of its own: it asks as fast as it is answered, and says in JSON what came of it.

`python -m tests.soak.client HOST:PORT REQUESTS SEED`. Most requests are good ones; the rest hang up, dawdle, stand
still or are no requests at all. Who waits for an answer and gets none within `PATIENCE` seconds counts `unanswered`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import uvloop

MODEL = "echo"
PATIENCE = 60.0
CONNECTIONS = 16
PATHS = (
    f"/predictions/{MODEL}",
    f"/predictions/{MODEL}/1.0",
    f"/v1/models/{MODEL}:predict",
    f"/v2/models/{MODEL}/infer",
)
LARGEST = 5_000_000
# The largest body of a share of the requests: few are large, as it is in life, and those carry most of the bytes.
SIZES = {0: 0.05, 100: 0.4, 4_000: 0.45, 64_000: 0.09, 500_000: 0.009, LARGEST: 0.001}
BLOCK = random.Random(0).randbytes(2 * LARGEST)
RUBBISH = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS where there is none
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /predictions/echo HTTP/1.1\r\nHost: %s\r\nContent-Length: -1\r\n\r\n",
    b"POST /predictions/echo HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: %s\r\nx: " + b"x" * 70_000 + b"\r\n\r\n",
    b"\r\n" * 3 + BLOCK[:300] + b"\r\n\r\n",
)
MISTAKES = ("/predictions/nobody", "/predictions/echo/9.9", "/v2/models/nobody/infer", "/nowhere")


@dataclass
class Line:
    """One connection of the client; opened when it is needed."""

    host: str
    choose: random.Random
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.streams is None:
            name, _, port = self.host.rpartition(":")
            self.streams = await asyncio.open_connection(name, int(port))
        return self.streams

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].transport.abort()
            self.streams = None

    def body(self) -> bytes:
        [most] = self.choose.choices(list(SIZES), list(SIZES.values()))
        start = self.choose.randrange(LARGEST)
        return BLOCK[start : start + self.choose.randint(0, most)]

    def head(self, path: str, size: int, more: str = "") -> bytes:
        text = f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/octet-stream\r\n"
        return f"{text}Content-Length: {size}\r\n{more}\r\n".encode()

    async def answer(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        """Read one answer; the connection goes with it where the server says so."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return int(first.split(" ", 2)[1]), body


async def well(line: Line, more: str = "") -> str:
    """A good request, and its answer."""
    reader, writer = await line.open()
    body = line.body()
    writer.write(line.head(line.choose.choice(PATHS), len(body), more))
    writer.write(body)
    return "answered" if await line.answer(reader) == (200, body) else "wrong"


async def once(line: Line) -> str:
    """A good request on a connection of its own."""
    line.close()
    return await well(line, "Connection: close\r\n")


async def chunked(line: Line) -> str:
    reader, writer = await line.open()
    body = line.body()
    head = line.head(line.choose.choice(PATHS), 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    pieces = [body[start : start + 30_000] for start in range(0, len(body), 30_000)]
    writer.write(head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
    return "answered" if await line.answer(reader) == (200, body) else "wrong"


async def dawdle(line: Line) -> str:
    """Sends in pieces, with pauses, and takes its time before it reads."""
    reader, writer = await line.open()
    body = line.body()
    data = line.head(line.choose.choice(PATHS), len(body)) + body
    third = len(data) // 3 + 1
    for start in range(0, len(data), third):
        writer.write(data[start : start + third])
        await asyncio.sleep(line.choose.uniform(0, 0.05))
    return "answered" if await line.answer(reader) == (200, body) else "wrong"


async def mistake(line: Line) -> str:
    """Asks for what is not there."""
    reader, writer = await line.open()
    writer.write(line.head(line.choose.choice(MISTAKES), 2) + b"{}")
    status, _ = await line.answer(reader)
    return "refused" if status == 404 else "wrong"


async def hang_up(line: Line) -> str:
    """Leaves before the request, in its head, in its body, or before the answer."""
    _, writer = await line.open()
    body = line.body()
    data = line.head(line.choose.choice(PATHS), len(body)) + body
    writer.write(data[: line.choose.choice((0, 20, len(data) // 2, len(data)))])
    await asyncio.sleep(0)
    line.close()
    return "left"


async def babble(line: Line) -> str:
    """Sends what is no request, on a connection of its own; it is refused, or the connection closed."""
    line.close()
    reader, writer = await line.open()
    writer.write(line.choose.choice(RUBBISH).replace(b"%s", line.host.encode()))
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        while await reader.read(65536):
            pass
    line.close()
    return "refused"


async def stand_still(line: Line) -> str:
    """Begins a request and waits until the server gives up."""
    line.close()
    reader, writer = await line.open()
    writer.write(line.head(PATHS[0], 1000) + bytes(500))
    with contextlib.suppress(ConnectionError):
        await reader.read()
    line.close()
    return "let go"


KINDS: dict[Callable[[Line], Awaitable[str]], float] = {
    well: 0.87,
    once: 0.05,
    chunked: 0.03,
    dawdle: 0.01,
    mistake: 0.01,
    hang_up: 0.02,
    babble: 0.01,
    stand_still: 0.0002,
}


async def ask(line: Line, requests: int, outcomes: Counter[str]) -> None:
    kinds = line.choose.choices(list(KINDS), list(KINDS.values()), k=requests)
    for kind in kinds:
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await kind(line)
        except (OSError, EOFError, TimeoutError):
            outcome = "left" if kind is hang_up else "unanswered"
            line.close()
        outcomes[outcome] += 1
    line.close()


async def main(host: str, requests: int, seed: int) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    async with asyncio.TaskGroup() as lines:
        for number in range(CONNECTIONS):
            share = requests // CONNECTIONS + (number < requests % CONNECTIONS)
            lines.create_task(ask(Line(host, random.Random(f"{seed} {number}")), share, outcomes))
    return outcomes


if __name__ == "__main__":
    json.dump(uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))), sys.stdout)
