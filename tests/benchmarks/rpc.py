"""Unary predictions over gRPC, Marina beside TorchServe in turns: `make bench-grpc`.

A no-op with two workers and 16 clients, each on a connection of its own; all on this machine, the window open. The
window is to answer at least as many as TorchServe, and its loop to come back in time.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bench import Bench, say
from tests.benchmarks.rpc_load import rpc_load
from tests.benchmarks.servers import MARINA, TORCHSERVE, WINDOW, Server, display

CLIENTS = 16
# As long as a JVM needs to run compiled code.
WARM_UP = 10.0
ROUNDS = int(os.environ.get("MARINA_BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("MARINA_BENCH_SECONDS", "5"))


def main() -> None:
    """Measure and print."""
    rates: dict[str, list[float]] = {}
    late: list[float] = []

    def turn(bench: Bench, server: Server) -> None:
        started = time.monotonic()
        found = rpc_load(server.rpc, "noop", CLIENTS, bench.seconds)
        say(f"{server.name:20} {found.rate:7.0f}/s   p50 {found.p50:.2f} ms   p99 {found.p99:.2f} ms")
        rates.setdefault(server.name, []).append(found.rate)
        if server.name == WINDOW:
            late.extend(server.lateness(started))

    with tempfile.TemporaryDirectory(prefix="marina-bench-", ignore_cleanup_errors=True) as folder, display():
        bench = Bench(Path(folder), ROUNDS, SECONDS)
        archive = bench.pack("noop")
        with bench.servers(TORCHSERVE, MARINA, WINDOW) as servers:
            for server in servers:
                server.register(archive, workers=2)
                rpc_load(server.rpc, "noop", CLIENTS, WARM_UP)
            bench.turns(servers, turn)
    _report(rates, late)


def _report(rates: dict[str, list[float]], late: list[float]) -> None:
    for name, found in rates.items():
        say(f"{name}: median {statistics.median(found):.0f} predictions/s of {len(found)} rounds")
    p99 = statistics.quantiles(late, n=100)[98]
    say(f"window's loop under load: late by {p99:.1f} ms at p99")
    if TORCHSERVE in rates:
        share = statistics.median(rates[WINDOW]) / statistics.median(rates[TORCHSERVE])
        say(f"the window answers {share:.2f} times as many as TorchServe; the goal is 1")


if __name__ == "__main__":
    main()
