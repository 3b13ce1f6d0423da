"""`marina-server` under clients of all kinds for a long time: everybody who waits is answered, and nothing grows.

MARINA_SOAK_REQUESTS says how many requests; `make soak` sends a million. Memory is looked at between two rounds, when
nothing is under way, so that it is what stays and not what passes through.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
import pytest

from tests.soak.client import MODEL
from tests.support.archives import archive
from tests.support.server_process import CONFIGURATION, PROJECT, Process, ask, server, wait_for
from tests.support.servers import make_home

REQUESTS = int(os.environ.get("MARINA_SOAK_REQUESTS", "3000"))
SEED = int(os.environ.get("MARINA_SEED", str(random.randrange(10**6))))
CLIENTS = 2
WORKERS = 2
LONG = REQUESTS >= 100_000
# The first half of the rounds warms up. A short run never gets warm, so its growth is told and not judged.
ROUNDS = 20 if LONG else 3
MOST_GROWTH = 0.05
SECONDS_PER_REQUEST = 0.01
ECHO = """
def handle(data, context):
    return None if data is None else [bytes(row["body"]) for row in data]
"""
STALLED = "stalled_connection_timeout=5\n"


class Sample(NamedTuple):
    """What the server and its workers hold at rest: bytes of their own, their share of all bytes, descriptors."""

    server_own: int
    server_share: int
    workers_own: int
    workers_share: int
    descriptors: int

    def __str__(self) -> str:
        server, share, workers, workers_share = (f"{value / 2**20:.1f}" for value in self[:4])
        return (
            f"server USS {server} MiB, PSS {share} MiB; workers USS {workers} MiB, PSS {workers_share} MiB; "
            f"{self.descriptors} descriptors"
        )


@contextmanager
def unread_log(process: Process) -> Iterator[None]:
    """Read away what the server says, which would wait in its memory otherwise; it is ended on leaving."""
    thread = threading.Thread(target=lambda: [None for _ in process.process.stderr or ()])
    thread.start()
    try:
        yield
    finally:
        process.process.terminate()
        thread.join()


def look(process: Process, workers: list[psutil.Process]) -> Sample:
    server = psutil.Process(process.process.pid)
    own = server.memory_full_info()
    theirs = [worker.memory_full_info() for worker in workers]
    descriptors = sum(one.num_fds() for one in (server, *workers))
    return Sample(own.uss, own.pss, sum(one.uss for one in theirs), sum(one.pss for one in theirs), descriptors)


def send(host: str, requests: int, number: int) -> Counter[str]:
    """Have all clients send their share, and return what came of it."""
    clients = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.soak.client", host, str(requests // CLIENTS), f"{SEED}{number}{client}"],
            cwd=PROJECT, stdout=subprocess.PIPE,
        )
        for client in range(CLIENTS)
    ]  # fmt: skip
    outcomes: Counter[str] = Counter()
    for client in clients:
        said, _ = client.communicate()
        assert client.returncode == 0
        outcomes.update(json.loads(said))
    return outcomes


def growth(samples: list[Sample]) -> dict[str, float]:
    """Return how far the highest of the second half is above the highest of the first, for each figure.

    The highest, since an allocator gives large blocks back on one occasion and keeps them on another.
    """
    half = len(samples) // 2
    before, after = (map(max, zip(*part, strict=True)) for part in (samples[:half], samples[half:]))
    return {name: now / then - 1 for name, now, then in zip(Sample._fields, after, before, strict=True)}


@pytest.mark.skipif(sys.platform != "linux", reason="memory and descriptors are read from /proc")
@pytest.mark.timeout(120 + REQUESTS * SECONDS_PER_REQUEST)
def test_nobody_waits_in_vain_and_nothing_grows(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    archive(home.model_store, MODEL, source=ECHO)
    (tmp_path / "config.properties").write_text(CONFIGURATION + STALLED, encoding="utf-8")
    with server(tmp_path) as process, unread_log(process):
        query = f"url={MODEL}-1.0.mar&initial_workers={WORKERS}&synchronous=true"
        ask("POST", f"{process.management}/models?{query}")
        below = process.below()
        outcomes, samples = soak(process, below)
        grown = growth(samples)
        print(f"{dict(outcomes)}; growth { ({name: f'{value:+.1%}' for name, value in grown.items()}) }")  # noqa: T201 - `make soak` shows it
        assert [one.pid for one in process.below()] == [one.pid for one in below], "a worker was replaced"
    assert outcomes.total() == sum(shares(REQUESTS, ROUNDS)) // CLIENTS * CLIENTS
    assert not outcomes["unanswered"]
    assert not outcomes["wrong"]
    assert not LONG or max(grown.values()) < MOST_GROWTH, grown


def soak(process: Process, workers: list[psutil.Process]) -> tuple[Counter[str], list[Sample]]:
    """Send everything in rounds; returns what came of it and what was held after each."""
    itself = psutil.Process(process.process.pid)
    at_rest = itself.num_fds()
    outcomes: Counter[str] = Counter()
    samples = []
    for number, requests in enumerate(shares(REQUESTS, ROUNDS)):
        started = time.monotonic()
        outcomes.update(send(urlsplit(process.inference).netloc, requests, number))
        rate = requests / (time.monotonic() - started)
        # The memory that is shared with a worker is mapped with its first large body, which takes a descriptor.
        wait_for(lambda: itself.num_fds() <= at_rest + 1 + WORKERS)
        samples.append(look(process, workers))
        print(f"\n{outcomes.total():>9,} requests, {rate:,.0f}/s; {samples[-1]}", end="", flush=True)  # noqa: T201 - `make soak` shows it
    print()  # noqa: T201 - see above
    return outcomes, samples


def shares(whole: int, parts: int) -> list[int]:
    """Split into parts that the clients can share evenly."""
    per_part = whole // parts // CLIENTS * CLIENTS
    return [*[per_part] * (parts - 1), whole - per_part * (parts - 1)]
