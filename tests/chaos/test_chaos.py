"""Many requests while workers and the fork server are killed and versions swapped: each gets exactly its own answer.

`MARINA_CHAOS_REQUESTS` says how many requests; `make chaos` sends 30,000. `MARINA_CHAOS_SEED` repeats the choices of an
earlier run, though not the order in which the server meets them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from engine.engine import Engine
from engine.home import Home
from engine.workers.channel import Channel
from engine.workers.log import EVENTS_LOG
from engine.workers.worker import Worker
from tests.support.archives import archive
from tests.support.loops import real_time
from tests.support.servers import Server, make_home, make_settings, serving, unpacked, worker_processes

REQUESTS = int(os.environ.get("MARINA_CHAOS_REQUESTS", "2000"))
SEED = int(os.environ.get("MARINA_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
NAME = "chaos"
VERSIONS = ("1.0", "2.0", "3.0")
WORKERS = 4
CLIENTS = 32
PATIENCE = 60.0  # seconds in which every request is answered
KILL_SECONDS = 0.5
SWAP_SECONDS = 0.8
# The third of so many kills hits the fork server, which then takes seconds to import torch again.
KILLS_PER_FORK_SERVER = 16
MEMORY_GROWTH = 64 * 1024 * 1024

# Each answer is the request's own; some take long enough to be there when their worker is killed.
ECHO = """
import random, time

def handle(data, context):
    if data is None:
        return None
    time.sleep(random.choice((0, 0.001, 0.003, 0.02)))
    return [row["body"] for row in data]
"""


@dataclass
class Chaos:
    """What all who take part share. `lost` has the ids of requests that were with a process when it ended."""

    server: Server
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))
    tokens: Iterator[int] = field(default_factory=lambda: iter(range(REQUESTS)))
    answers: Counter[int] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    seen: set[psutil.Process] = field(default_factory=set)
    kills: Counter[str] = field(default_factory=Counter)
    swaps: int = 0
    over: bool = False

    async def ask(self) -> None:
        """Send requests, one after the other, until there are no more."""
        for token in self.tokens:
            body = f"token {token} {'x' * self.dice.choice((0, 10, 5000))}".encode()
            async with asyncio.timeout(PATIENCE):
                answer = await self.server.predict(NAME, data=body)
            self.answers[answer.status] += 1
            if answer.status == 200:
                assert answer.body == body
                continue
            assert answer.status in (500, 507), answer
            assert answer.json["message"] == "Worker died.", answer
            self.failed.append(answer.headers["x-request-id"])

    async def kill(self) -> None:
        """Kill a worker twice a second, whatever it is doing, and now and then the fork server."""
        numbers = itertools.count(1)
        while not self.over:
            await asyncio.sleep(KILL_SECONDS)
            number = next(numbers)
            workers, servers = workers_of(self.server.engine), fork_servers()
            self.seen.update(workers, servers)
            hit_server = number % KILLS_PER_FORK_SERVER == 3
            victims = servers if hit_server else workers
            if victims:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self.dice.choice(victims).kill()
                    self.kills["fork servers" if hit_server else "workers"] += 1

    async def swap(self) -> None:
        """Replace the version that answers by the next one, again and again."""
        versions = itertools.pairwise(itertools.cycle(VERSIONS))
        while not self.over:
            await asyncio.sleep(SWAP_SECONDS)
            old, new = next(versions)
            await self.register(new)
            answer = await self.server.manage("PUT", f"/models/{NAME}/{new}/set-default")
            assert answer.status == 200, answer
            answer = await self.server.manage("DELETE", f"/models/{NAME}/{old}")
            assert answer.status == 200, answer
            self.swaps += 1

    async def register(self, version: str) -> None:
        """Register a version and wait for its workers; whose worker is killed while it loads is withdrawn whole."""
        batch = self.dice.choice((1, 4))
        query = f"url={NAME}-{version}.mar&batch_size={batch}&max_batch_delay=2&initial_workers={WORKERS}"
        while (answer := await self.server.register(f"{query}&synchronous=true")).status != 200:
            assert answer.status in (500, 507), answer
            assert "Failed to start workers" in answer.json["message"], answer


def fork_servers() -> list[psutil.Process]:
    servers = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "forkserver" in child.cmdline():
                servers.append(child)
    return servers


def workers_of(engine: Engine) -> list[psutil.Process]:
    """Return the processes of all workers, those of versions on their way out included, and those of no fork server."""
    workers = []
    for version in (*engine._versions.values(), *engine._catalogue.leaving):
        for worker in version.pool.workers.values():
            if worker.life.facts.pid is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    workers.append(psutil.Process(worker.life.facts.pid))
    return workers


def note_what_is_lost(chaos: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the ids of requests noted that are with a worker in the moment when its process is let go of."""
    let_go = Worker._let_go

    def noting(worker: Worker, status: int, *, kill: bool) -> int:
        chaos.lost.update(in_flight(worker._channel))
        return let_go(worker, status, kill=kill)

    monkeypatch.setattr(Worker, "_let_go", noting)


def in_flight(channel: Channel | None) -> list[str]:
    batches = channel._batches.values() if channel else ()
    return [job.meta["id"] for batch in batches for job in batch.listener.jobs]  # type: ignore[attr-defined]


async def send_all(chaos: Chaos) -> None:
    """Send every request while there is killing and swapping, which end when all are answered."""
    async with asyncio.TaskGroup() as calamities:
        calamities.create_task(chaos.kill())
        calamities.create_task(chaos.swap())
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(chaos.ask())
        chaos.over = True


async def settle(server: Server) -> None:
    """Wait until the processes of versions that are gone are gone."""
    async with asyncio.timeout(PATIENCE):
        while worker_processes() or server.engine._catalogue.leaving:  # noqa: ASYNC110 - the system has no event
            await asyncio.sleep(0.02)


async def unregister_everything(server: Server) -> None:
    versions = server.engine.describe(NAME, "all")
    for version in sorted(versions, key=lambda version: version.is_default):
        assert (await server.manage("DELETE", f"/models/{NAME}/{version.key.version}")).status == 200
    await settle(server)


async def warm_up(chaos: Chaos) -> None:
    """Have everything that a process makes once: threads, connections, modules, the fork server."""
    await chaos.register(VERSIONS[0])
    await asyncio.gather(*(chaos.server.predict(NAME, data=b"x") for _ in range(CLIENTS)))
    await unregister_everything(chaos.server)


def check_figures(chaos: Chaos) -> None:
    """Every request is answered, and every failure is one of a request that was with a dying process."""
    assert chaos.answers.total() == REQUESTS
    assert sorted(chaos.failed) == sorted(chaos.lost.elements())
    assert chaos.swaps > 0


def check_deaths(chaos: Chaos, caplog: pytest.LogCaptureFixture) -> None:
    """No worker ends but those that were killed, not even with their fork server."""
    deaths = [text for name, level, text in caplog.record_tuples if (name, level) == (EVENTS_LOG, logging.WARNING)]
    assert len(deaths) <= chaos.kills["workers"], deaths
    assert chaos.kills["workers"] > 0


def check_processes(seen: set[psutil.Process]) -> None:
    assert [process for process in seen if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []
    assert psutil.Process().children(recursive=True) == []


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = make_home(tmp_path)
    for version in VERSIONS:
        archive(home.model_store, NAME, version, source=ECHO)
    return home


@pytest.mark.timeout(REQUESTS / 100 + 120)
@real_time
async def test_every_request_gets_its_own_answer_while_workers_die_and_versions_are_swapped(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    print(f"\nMARINA_CHAOS_SEED={SEED}")  # noqa: T201 - shown when it fails, and with -s
    me = psutil.Process()
    async with serving(home, make_settings()) as server:
        chaos = Chaos(server)
        await warm_up(chaos)
        gc.collect()
        tasks, descriptors, memory = len(asyncio.all_tasks()), me.num_fds(), me.memory_info().rss
        note_what_is_lost(chaos, monkeypatch)
        await chaos.register(VERSIONS[0])
        started = time.monotonic()
        await send_all(chaos)
        seconds = time.monotonic() - started
        print(f"{dict(chaos.answers)} in {seconds:.1f} s, killed {dict(chaos.kills)}, {chaos.swaps} swaps")  # noqa: T201 - see above
        check_figures(chaos)
        check_deaths(chaos, caplog)
        await unregister_everything(server)
        gc.collect()
        assert unpacked(server) == []
        assert server.engine._versions == {}
        assert len(asyncio.all_tasks()) <= tasks
        assert me.num_fds() <= descriptors
        assert me.memory_info().rss - memory < MEMORY_GROWTH
    check_processes(chaos.seen)
