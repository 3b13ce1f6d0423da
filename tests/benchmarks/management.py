"""Parts of the comparison: many models, many workers, the start and the memory. Blocking."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.benchmarks import goals
from tests.benchmarks.bench import Bench, warm
from tests.benchmarks.goals import MEGABYTES, P50, PER_MODEL, SECONDS, SIZES
from tests.benchmarks.load import load
from tests.benchmarks.servers import MARINA, TORCHSERVE, WINDOW, Server
from tests.benchmarks.serving import ROW

SHORTER = 0.2  # as long as other loads: these answers come by the thousand, and cost all the same
MORE_WORKERS = 4
MB = 1e6
MICROSECONDS = 1e6
LEAVING = 2.0  # seconds that processes may take to go once a server says that they are gone


def many(bench: Bench) -> None:
    """Listing and describing as models are registered, 1 to 1,000."""
    bench.pack("noop")
    with bench.servers(TORCHSERVE, MARINA) as servers:
        registered = 0
        for models in SIZES:
            for server in servers:
                register_many(bench, server, registered, models)
                warm(server.managed("/models?limit=100"), 1)
            registered = models
            bench.turns(servers, _ask_about_many, models)


def register_many(bench: Bench, server: Server, start: int, stop: int) -> None:
    """Register copies of the no-op, without workers."""
    for number in range(start, stop):
        copy = bench.store / f"{_name(number)}.mar"
        if not copy.exists():
            shutil.copy(bench.store / "noop-1.0.mar", copy)
        server.manage("POST", f"/models?url={copy.name}&model_name={copy.stem}&initial_workers=0&synchronous=true")


def _name(number: int) -> str:
    return f"model-{number:04}"


def _ask_about_many(bench: Bench, server: Server, models: int) -> None:
    page, one = server.managed("/models?limit=100"), server.managed(f"/models/{_name(models // 2)}")
    bench.load(goals.page(models), server.name, page, 1, P50, longer=SHORTER)
    bench.load(goals.described(models), server.name, one, 1, P50, longer=SHORTER)
    taken = _list_all(page.url, models, bench.seconds * SHORTER)
    bench.note(goals.listed(models), PER_MODEL, server.name, taken / models * MICROSECONDS)


def _list_all(url: str, models: int, seconds: float) -> float:
    """Return the seconds that it takes to read all pages of the list on one connection; the median of some times."""
    where, taken = urlsplit(url), []
    with closing(HTTPConnection(where.hostname or "", where.port)) as connection:
        until = time.perf_counter() + seconds
        while (started := time.perf_counter()) < until:
            listed, token = 0, "0"
            while token:
                connection.request("GET", f"{where.path}?limit=100&next_page_token={token}")
                answer = json.loads(connection.getresponse().read())
                listed, token = listed + len(answer["models"]), answer.get("nextPageToken", "")
            assert listed == models, f"{listed} of {models} models were listed"
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def growth(bench: Bench) -> None:
    """Predictions of one model, with no other and with 999 others, in one process: two differ by more than that."""
    archive = bench.pack("noop")
    with bench.server(MARINA) as server:
        server.register(archive, workers=1)
        for _ in range(bench.rounds):
            _ask_among(bench, server, goals.FEW)
            register_many(bench, server, 1, goals.MANY)
            _ask_among(bench, server, goals.MANY)
            for number in range(1, goals.MANY):
                server.manage("DELETE", f"/models/{_name(number)}")


def _ask_among(bench: Bench, server: Server, models: int) -> None:
    warm(server.asked("noop"), 1)
    bench.load(goals.growth(models), server.name, server.asked("noop"), 1, P50)


def scale(bench: Bench) -> None:
    """From no worker to four of a handler that imports torch, and how much memory each worker after the first takes."""
    archive = bench.pack("net")
    with bench.servers(TORCHSERVE, MARINA) as servers:
        for server in servers:
            # One worker before anybody looks: the fork server imports torch once.
            server.register(archive, workers=1)
            _have_workers(server, 0)
        bench.turns(servers, _scale)


def _scale(bench: Bench, server: Server) -> None:
    started = time.perf_counter()
    _have_workers(server, MORE_WORKERS)
    bench.note(goals.SCALE, SECONDS, server.name, time.perf_counter() - started)
    many = _memory_at_work(server)
    _have_workers(server, 1)
    one = _memory_at_work(server)
    bench.note(goals.WORKER, MEGABYTES, server.name, (many - one) / (MORE_WORKERS - 1) / MB)
    bench.note(goals.WHOLE, MEGABYTES, server.name, one / MB)
    _have_workers(server, 0)


def _memory_at_work(server: Server) -> int:
    """Return the memory of all processes, after each worker has answered: that touches pages which were shared."""
    time.sleep(LEAVING)
    load(server.asked("net", ROW), 16, 1)
    return server.program.memory()


def _have_workers(server: Server, workers: int) -> None:
    """Scale, and wait until it is so; both servers answer once workers are up, and may still be stopping others."""
    server.manage("PUT", f"/models/net?min_worker={workers}&max_worker={workers}&synchronous=true&timeout=-1")


def start(bench: Bench) -> None:
    """From the start of the process to the first answer of the health check, without a model."""
    bench.store.mkdir(exist_ok=True)
    names = bench.there([TORCHSERVE, MARINA, WINDOW])
    bench.turns([_Start(name) for name in names], _start)


class _Start:
    """The turn of a server that does not run yet."""

    def __init__(self, name: str) -> None:
        self.name = name


def _start(bench: Bench, one: _Start) -> None:
    started = time.perf_counter()
    with bench.server(one.name):
        bench.note(goals.START, SECONDS, one.name, time.perf_counter() - started)
