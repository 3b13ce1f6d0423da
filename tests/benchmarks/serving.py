"""Parts of the comparison: answering requests whose handlers cost little. Blocking."""

from __future__ import annotations

import json
import random
import statistics
import time

from tests.benchmarks import goals
from tests.benchmarks.bench import Bench, warm
from tests.benchmarks.goals import P50, P99, RATE
from tests.benchmarks.load import answer_of
from tests.benchmarks.servers import LITSERVE, MARINA, TORCHSERVE, WINDOW, Server

MEGABYTE = 1024 * 1024
ROW = json.dumps([random.Random(0).random() for _ in range(256)]).encode()  # what the small network takes


def noop(bench: Bench) -> None:
    """A handler that answers at once, with 1, 16 and 64 clients; how late the window's loop is meanwhile."""
    archive = bench.pack("noop")
    with bench.servers(TORCHSERVE, LITSERVE, MARINA, WINDOW) as servers:
        for server in servers:
            if server.name != LITSERVE:
                server.register(archive, workers=2)
            assert answer_of(server.asked("noop")).strip(b'"') == b"OK"
            warm(server.asked("noop"))
        for clients in (1, 16, 64):
            bench.turns(servers, _noop, clients)


def _noop(bench: Bench, server: Server, clients: int) -> None:
    started = time.monotonic()
    bench.load(goals.noop(clients), server.name, server.asked("noop"), clients, RATE, P50, P99)
    if clients == 16 and server.name == WINDOW:
        p99 = statistics.quantiles(server.lateness(started), n=100)[98]
        bench.note(goals.LATENESS, goals.LATE, server.name, p99)


def echo(bench: Bench) -> None:
    """Bodies of 1 and 10 MB there and back. LitServe takes JSON alone, and is not asked."""
    archive = bench.pack("echo")
    with bench.servers(TORCHSERVE, MARINA, WINDOW) as servers:
        for server in servers:
            server.register(archive, workers=2)
        for work, size, clients in ((goals.ECHO_1, 1, 4), (goals.ECHO_10, 10, 2)):
            body = random.Random(0).randbytes(size * MEGABYTE)
            for server in servers:
                asked = server.asked("echo", body, "application/octet-stream")
                assert answer_of(asked) == body
                warm(asked, clients)
            bench.turns(servers, _echo, work, body, clients)


def _echo(bench: Bench, server: Server, work: str, body: bytes, clients: int) -> None:
    asked = server.asked("echo", body, "application/octet-stream")
    bench.load(work, server.name, asked, clients, RATE)


def batching(bench: Bench) -> None:
    """A small network on the processor, `batch_size=8`, `max_batch_delay=5`."""
    archive = bench.pack("net")
    with bench.servers(TORCHSERVE, LITSERVE, MARINA, WINDOW, work="net") as servers:
        for server in servers:
            if server.name != LITSERVE:
                server.register(archive, 2, "&batch_size=8&max_batch_delay=5")
            warm(server.asked("net", ROW))
        answers = {answer_of(server.asked("net", ROW)).strip(b'"') for server in servers}
        assert len(answers) == 1, answers
        bench.turns(servers, _batching)


def _batching(bench: Bench, server: Server) -> None:
    bench.load(goals.BATCHING, server.name, server.asked("net", ROW), 32, RATE, P99)
