"""What a prediction costs, counted instead of timed: calls of our functions and aiohttp's, callbacks on the loop."""

from __future__ import annotations

import asyncio
import socket
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
from yarl import URL

import engine
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

# For one no-op request to a listener, on CPython 3.11 with the aiohttp of constraints.txt. Lower when less will do.
CALLS = 128
CALLBACKS = 7
MAY_GROW = 1.1
GROWN = (
    "One prediction costs {:g} {}; {} were recorded. Make it cheaper, or record the new figure here and add a line to "
    "the changelog that says why."
)
REQUESTS = 40
Serve = Callable[..., None]
COUNTED = tuple(str(Path(package.__file__ or "").parent) for package in (engine, aiohttp))
REQUEST = (
    b"POST /predictions/noop HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)


class Client:
    """A client that keeps its connection; it works in a thread of its own, whose calls nobody counts."""

    def __init__(self, url: str) -> None:
        host, port = URL(url).host or "", URL(url).port
        self._request = REQUEST % f"{host}:{port}".encode()
        self._socket = socket.create_connection((host, port))

    def ask(self) -> None:
        self._socket.sendall(self._request)
        answer = self._socket.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert answer.endswith(b"\r\n\r\nOK"), answer

    def close(self) -> None:
        self._socket.close()


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the calls of this thread, and the callbacks that its loop runs."""
    counts: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event in ("call", "c_call") and code.co_filename.startswith(COUNTED):
            counts["calls"] += 1
        elif event == "call" and code is asyncio.Handle._run.__code__:
            counts["callbacks"] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield counts
    finally:
        sys.setprofile(before)


async def costs_of(server: Server) -> list[Counter[str]]:
    """Return what each of many requests costs, the first few left out, since they fill caches."""
    client = Client(server.host.addresses["inference"])
    found = []
    with closing(client):
        for _ in range(REQUESTS):
            with counted() as counts:
                await asyncio.to_thread(client.ask)
            found.append(counts)
    return found[REQUESTS // 2 :]


def test_a_prediction_costs_no_more_than_recorded(serve: Serve) -> None:
    found: list[Counter[str]] = []

    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        found.extend(await costs_of(server))

    serve(scenario, FakeLauncher())
    calls, callbacks = (statistics.median(one[what] for one in found) for what in ("calls", "callbacks"))
    assert calls <= CALLS * MAY_GROW, GROWN.format(calls, "function calls", CALLS)
    assert callbacks <= CALLBACKS * MAY_GROW, GROWN.format(callbacks, "callbacks of the loop", CALLBACKS)
