"""Parts of the comparison: many models, many workers, the start and the memory. Blocking."""

from __future__ import annotations

import shutil
import time

from tests.benchmarks import goals
from tests.benchmarks.bench import Bench, warm
from tests.benchmarks.goals import MEGABYTES, P50, SECONDS
from tests.benchmarks.servers import MARINA, TORCHSERVE, WINDOW, Server

MODELS = 1000
MORE_WORKERS = 4
MB = 1e6
SETTLING = 2.0  # seconds that processes may take to go once a server says that they are gone


def many(bench: Bench) -> None:
    """1,000 registered models: the management API, and whether predictions notice them."""
    archive = bench.pack("noop")
    with bench.servers(TORCHSERVE, MARINA) as servers:
        for server in servers:
            register_many(bench, server)
            warm(server.managed("/models?limit=1000"), 1)
        bench.turns(servers, _ask_about_many)
        full = next(server for server in servers if server.name == MARINA)
        with bench.server(MARINA) as light:
            for server, name in ((full, goals.THOUSAND), (light, goals.ONE)):
                server.name = name
                server.register(archive, workers=1)
                warm(server.asked("noop"), 1)
            bench.turns([full, light], _ask_as_models_grow)


def register_many(bench: Bench, server: Server) -> None:
    """Register copies of the no-op, without workers."""
    for number in range(MODELS):
        copy = bench.store / f"model-{number:04}.mar"
        if not copy.exists():
            shutil.copy(bench.store / "noop-1.0.mar", copy)
        server.manage("POST", f"/models?url={copy.name}&model_name={copy.stem}&initial_workers=0&synchronous=true")


def _ask_about_many(bench: Bench, server: Server) -> None:
    bench.load(goals.LIST, server.name, server.managed("/models?limit=1000"), 1, P50)
    bench.load(goals.DESCRIBE, server.name, server.managed("/models/model-0500"), 1, P50)


def _ask_as_models_grow(bench: Bench, server: Server) -> None:
    bench.load(goals.GROWTH, server.name, server.asked("noop"), 1, P50)


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
    many = server.program.memory()
    _have_workers(server, 1)
    time.sleep(SETTLING)
    one = server.program.memory()
    bench.note(goals.WORKER, MEGABYTES, server.name, (many - one) / (MORE_WORKERS - 1) / MB)
    bench.note(goals.WHOLE, MEGABYTES, server.name, one / MB)
    _have_workers(server, 0)


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
