"""Many clients at once register, scale, describe, ask and unregister over real sockets, with real worker processes.

`MARINA_STRESS_SECONDS` says for how long; `make stress` gives it a minute. The choices follow a seed; the order
in which the server meets them does not.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.engine import Engine
from engine.home import Home
from engine.record.rows import SavedVersion
from engine.registry.records import Target
from engine.snapshots import Key
from engine.store import Store
from tests.support.archives import archive
from tests.support.loops import real_time
from tests.support.servers import Answer, Server, make_home, make_settings, serving, unpacked, worker_processes

SECONDS = float(os.environ.get("MARINA_STRESS_SECONDS", "8"))
PATIENCE = 30.0  # seconds in which every request is answered
CLIENTS = 50
MODELS = tuple(f"model-{number:02}" for number in range(20))
VERSIONS = ("1.0", "1.1", "2.0")
MOST_WORKERS = 2
# How many versions may have workers: each worker is a process, and the machine may be small.
SEATS = 8
PROCESSING = "Processing worker updates..."
NO_WORKER = "has no worker to serve inference request"
MEMORY_GROWTH = 64 * 1024 * 1024


def versions_of(name: str) -> tuple[str, ...]:
    return VERSIONS[: 2 + MODELS.index(name) % 2]


@dataclass
class Stress:
    """What all clients share. `asked` is the largest number of workers that anybody ever asked for."""

    server: Server
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    slowest: float = 0.0
    asked: defaultdict[Key, int] = field(default_factory=lambda: defaultdict(int))

    async def send(self, what: str, method: str, path: str, *fine: int, api: str = "management") -> Answer:
        """Ask, and check that the answer comes in time and is one of those that fit."""
        started = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            answer = await self.server.ask(api, method, path)
        self.slowest = max(self.slowest, time.monotonic() - started)
        self.answers[what, answer.status] += 1
        assert answer.status in fine, f"{method} {path}: {answer.status} {answer.body!r}"
        return answer


class Client:
    """One of many who use the server at the same time."""

    def __init__(self, stress: Stress, number: int) -> None:
        self._stress = stress
        self._dice = random.Random(number)
        # The one version whose workers this client may start.
        self._seat = Key(MODELS[number], VERSIONS[0]) if number < SEATS else None

    async def use(self, until: float) -> None:
        acts: list[Callable[[], Awaitable[None]]] = [
            self.register, self.register, self.scale, self.scale, self.describe, self.describe_all, self.list,
            self.set_default, self.predict, self.predict, self.unregister,
        ]  # fmt: skip
        while time.monotonic() < until:
            await self._dice.choice(acts)()

    def _any(self) -> Key:
        name = self._dice.choice(MODELS)
        return Key(name, self._dice.choice(versions_of(name)))

    async def register(self) -> None:
        key = self._dice.choice((self._any(), self._seat or self._any()))
        workers = self._dice.randint(0, MOST_WORKERS) if key == self._seat else 0
        self._stress.asked[key] = max(self._stress.asked[key], workers)
        waiting = self._dice.choice(("true", "false"))
        query = f"url={key.name}-{key.version}.mar&initial_workers={workers}&synchronous={waiting}"
        await self._stress.send("register", "POST", f"/models?{query}", 200, 202, 409)

    async def scale(self) -> None:
        key = self._seat or self._any()
        workers = self._dice.randint(0, MOST_WORKERS) if self._seat else 0
        self._stress.asked[key] = max(self._stress.asked[key], workers)
        waiting = self._dice.choice(("true", "false"))
        timeout = self._dice.choice((-1, 0, 1, 5))
        query = f"min_worker={workers}&max_worker={workers}&synchronous={waiting}&timeout={timeout}"
        path = f"/models/{key.name}/{key.version}?{query}"
        answer = await self._stress.send("scale", "PUT", path, 200, 202, 404)
        assert (answer.status == 202) == (waiting == "false" and answer.status != 404), answer

    async def describe(self) -> None:
        key = self._any()
        which = self._dice.choice((f"{key.name}", f"{key.name}/{key.version}"))
        answer = await self._stress.send("describe", "GET", f"/models/{which}", 200, 404)
        if answer.status == 200:
            (version,) = answer.json
            self._check(version)

    async def describe_all(self) -> None:
        name = self._any().name
        answer = await self._stress.send("describe all", "GET", f"/models/{name}/all", 200, 404)
        if answer.status == 200:
            names = [version["modelVersion"] for version in answer.json]
            assert len(set(names)) == len(names) > 0
            assert set(names) <= set(versions_of(name))
            for version in answer.json:
                self._check(version)

    def _check(self, version: dict[str, Any]) -> None:
        """A version as it is described is one that can be."""
        key = Key(version["modelName"], version["modelVersion"])
        most = self._stress.asked[key]
        assert 0 <= version["minWorkers"] <= version["maxWorkers"] <= most
        staying = [worker for worker in version["workers"] if worker["state"] != "draining"]
        assert len(staying) <= most, version
        ids = [worker["id"] for worker in version["workers"]]
        assert len(set(ids)) == len(ids)
        assert all(worker["state"] not in ("failed", "backing off") for worker in version["workers"]), version
        queue = version["jobQueueStatus"]
        assert queue["pendingRequests"] >= 0
        assert queue["pendingRequests"] + queue["remainingCapacity"] == 100

    async def list(self) -> None:
        limit = self._dice.choice((1, 7, 100))
        answer = await self._stress.send("list", "GET", f"/models?limit={limit}", 200)
        names = [model["modelName"] for model in answer.json["models"]]
        assert names == sorted(set(names))
        assert len(names) <= limit
        assert all(model["modelUrl"].startswith(model["modelName"]) for model in answer.json["models"])

    async def set_default(self) -> None:
        key = self._any()
        await self._stress.send("set default", "PUT", f"/models/{key.name}/{key.version}/set-default", 200, 404)

    async def predict(self) -> None:
        key = self._dice.choice([Key(name, VERSIONS[0]) for name in MODELS[:SEATS]])
        path = f"/predictions/{key.name}/{key.version}"
        # 500 is for a request whose worker was taken away under it, as a scale with timeout 0 does.
        answer = await self._stress.send("predict", "POST", path, 200, 404, 500, 503, api="inference")
        if answer.status == 200:
            assert answer.body == b"OK"
        if answer.status == 500:
            assert "orker" in answer.json["message"], answer

    async def unregister(self) -> None:
        key = self._any()
        timeout = self._dice.choice((-1, 0, 1, 5))
        path = f"/models/{key.name}/{key.version}?timeout={timeout}"
        # TorchServe: the default version goes last.
        await self._stress.send("unregister", "DELETE", path, 200, 403, 404)


async def watch(server: Server, until: float) -> None:
    """See through the façade, between any two steps of the engine, what no sequence of requests may bring about."""
    while time.monotonic() < until:
        check_whole(server.engine)
        await asyncio.sleep(0.005)


def check_whole(engine: Engine) -> None:
    """One default for each model, counts that add up, and no worker that belongs to nothing."""
    listed = [name for name, _ in engine.list_models()]
    assert listed == sorted(set(listed))
    changes = engine.changes(0)
    assert {snapshot.key.name for snapshot in changes.changed} == set(listed)
    for name in listed:
        versions = engine.describe(name, "all")
        defaults = [version.key for version in versions if version.is_default]
        assert defaults == [engine.describe(name)[0].key], versions
        for version in versions:
            queue = version.queue
            assert queue.accepted == queue.pending + queue.in_flight + queue.answered + queue.failed, version
            assert 0 <= queue.pending <= queue.capacity


def registered(engine: Engine) -> dict[Key, tuple[Target, bool]]:
    return {
        version.key: (Target(version.min_workers, version.max_workers), version.is_default)
        for name, _ in engine.list_models()
        for version in engine.describe(name, "all")
    }


def recorded(saved: list[SavedVersion]) -> dict[Key, tuple[Target, bool]]:
    def target(version: SavedVersion) -> Target:
        workers = version.registration.initial_workers or 0
        return version.target or Target(workers, workers)

    return {version.key: (target(version), version.is_default) for version in saved}


async def unregister_everything(stress: Stress) -> None:
    engine = stress.server.engine
    for name, _ in engine.list_models():
        for version in sorted(engine.describe(name, "all"), key=lambda version: version.is_default):
            await stress.send("last", "DELETE", f"/models/{name}/{version.key.version}", 200)


async def settle(engine: Engine) -> None:
    """Wait until the processes of versions that are gone are gone."""
    async with asyncio.timeout(PATIENCE):
        while worker_processes() or engine._catalogue.leaving:  # noqa: ASYNC110 - the system has no event
            await asyncio.sleep(0.02)


async def run_clients(server: Server) -> Stress:
    stress = Stress(server)
    until = time.monotonic() + SECONDS
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(server, until))
        for number in range(CLIENTS):
            group.create_task(Client(stress, number).use(until))
    return stress


async def warm_up(server: Server) -> None:
    """Have everything that a process makes once: threads, connections, modules."""
    await asyncio.gather(*(server.manage("GET", "/models") for _ in range(CLIENTS)))
    await server.register(f"url={MODELS[0]}-1.0.mar&initial_workers=1&synchronous=true")
    assert (await server.predict(MODELS[0])).status == 200
    assert (await server.manage("DELETE", f"/models/{MODELS[0]}")).status == 200


async def check_record(home: Home, expected: dict[Key, tuple[Target, bool]]) -> None:
    store = Store(home.database)
    assert recorded(await store.open()) == expected
    await store.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = make_home(tmp_path)
    for name in MODELS:
        for version in versions_of(name):
            archive(home.model_store, name, version)
    return home


@pytest.mark.timeout(SECONDS + 120)
@real_time
async def test_what_many_clients_do_at_once_leaves_record_and_registry_in_step(home: Home) -> None:
    async with serving(home, make_settings()) as server:
        stress = await run_clients(server)
        check_whole(server.engine)
        left = registered(server.engine)
    print(f"\n{stress.answers.total()} answers, the slowest after {stress.slowest:.2f} s: {dict(stress.answers)}")  # noqa: T201 - for -s
    assert {what for what, status in stress.answers if status in (200, 202)} >= {"register", "scale", "predict"}
    await check_record(home, left)


@pytest.mark.timeout(SECONDS + 120)
@real_time
async def test_nothing_of_many_clients_is_left_when_all_is_unregistered(home: Home) -> None:
    me = psutil.Process()
    async with serving(home, make_settings()) as server:
        await warm_up(server)
        await settle(server.engine)
        gc.collect()
        tasks, descriptors, memory = len(asyncio.all_tasks()), me.num_fds(), me.memory_info().rss
        stress = await run_clients(server)
        await unregister_everything(stress)
        await settle(server.engine)
        gc.collect()
        assert server.engine.list_models() == []
        assert unpacked(server) == []
        assert server.engine._versions == {}
        assert len(asyncio.all_tasks()) <= tasks
        assert me.num_fds() <= descriptors
        assert me.memory_info().rss - memory < MEMORY_GROWTH
    assert me.children(recursive=True) == []
    assert [entry for entry in home.unpacked.iterdir() if entry.is_dir()] == []
    await check_record(home, {})
