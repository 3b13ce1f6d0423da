"""Scaling, unloading and replacing versions under load: over HTTP, with real worker processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.home import Home
from engine.snapshots import VersionState
from tests.support.archives import archive
from tests.support.servers import Server, make_home, make_settings, serving, until, worker_processes

SLOW = """
import time

def handle(data, context):
    if data is None:
        return None
    time.sleep(0.02)
    return [context.manifest["model"]["modelVersion"]] * len(data)
"""
FORGETFUL = """
import pathlib

def handle(data, context):
    broken = pathlib.Path(FLAG).exists()
    if data is None and broken:
        raise ImportError("the disk with the weights is gone")
    return None if data is None else ["OK"] * len(data)
"""
CLIENTS = 6


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path)
    archive(made.model_store, "slow", "1.0", source=SLOW)
    archive(made.model_store, "slow", "2.0", source=SLOW)
    return made


def run(home: Home, scenario: Callable[[Server], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        async with serving(home, make_settings(fork_server=False, **settings)) as server:
            await scenario(server)

    asyncio.run(main())


class Load:
    """Clients that ask again and again; `answers` counts what they got."""

    def __init__(self, server: Server) -> None:
        self.answers: Counter[tuple[int, bytes]] = Counter()
        self._server = server
        self._over = False
        self._news = asyncio.Event()

    @property
    def failed(self) -> list[tuple[int, bytes]]:
        return [answer for answer in self.answers if answer[0] != 200]

    async def ask(self) -> None:
        while not self._over:
            answer = await self._server.predict("slow", data=b"x")
            self.answers[answer.status, answer.body] += 1
            self._news.set()

    async def more(self, count: int, body: bytes | None = None) -> None:
        """Wait for `count` further answers, with this body if given."""
        wanted = self._count(body) + count
        async with asyncio.timeout(30):
            while self._count(body) < wanted:
                self._news.clear()
                await self._news.wait()

    def end(self) -> None:
        self._over = True

    def _count(self, body: bytes | None) -> int:
        return sum(count for (_, found), count in self.answers.items() if body in (None, found))


@asynccontextmanager
async def under_load(server: Server, clients: int = CLIENTS) -> AsyncIterator[Load]:
    load = Load(server)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(load.ask())
        try:
            yield load
        finally:
            load.end()


def workers(server: Server) -> int:
    return len(server.engine.describe("slow")[0].workers)


def test_a_version_is_replaced_under_load_without_a_failed_request(home: Home) -> None:
    async def scenario(server: Server) -> None:
        await server.register("url=slow-1.0.mar&initial_workers=2&synchronous=true")
        async with under_load(server) as load:
            await load.more(20, b"1.0")
            registered = await server.register("url=slow-2.0.mar&initial_workers=2&synchronous=true")
            assert registered.status == 200, registered
            assert (await server.manage("PUT", "/models/slow/2.0/set-default")).status == 200
            await load.more(20, b"2.0")
            assert (await server.manage("DELETE", "/models/slow/1.0")).status == 200
            await load.more(20, b"2.0")
        assert load.failed == []
        assert [version["modelVersion"] for version in await server.describe("slow/all")] == ["2.0"]
        assert len(worker_processes()) == 2

    run(home, scenario)


def test_scaling_down_under_load_fails_no_request(home: Home) -> None:
    async def scenario(server: Server) -> None:
        await server.register("url=slow-1.0.mar&initial_workers=3&synchronous=true")
        async with under_load(server) as load:
            await load.more(20)
            scaled = await server.manage("PUT", "/models/slow?min_worker=1&synchronous=true&timeout=-1")
            assert scaled.text == "Workers scaled to 1 for model: slow"
            await load.more(20)
        assert load.failed == []
        assert len(worker_processes()) == 1

    run(home, scenario)


def test_a_queue_that_grows_gets_a_second_worker_which_goes_when_it_is_over(home: Home) -> None:
    async def scenario(server: Server) -> None:
        await server.register("url=slow-1.0.mar")
        scaled = await server.manage("PUT", "/models/slow?min_worker=1&max_worker=2&synchronous=true")
        assert scaled.text == "Workers scaled to 1 for model: slow"
        async with under_load(server) as load:
            await until(server.engine, lambda: server.engine.describe("slow")[0].ready_workers == 2)
            await load.more(20)
        [description] = await server.describe("slow")
        assert (description["minWorkers"], description["maxWorkers"]) == (1, 2)
        await until(server.engine, lambda: workers(server) == 1)
        assert load.failed == []

    run(home, scenario, scale_up_seconds=1, scale_down_seconds=1)


def test_a_version_that_rests_is_healthy_and_answers_the_next_request(home: Home) -> None:
    archive(home.model_store, "slow", "3.0", source=SLOW, config="minWorkers: 1\nidleUnloadSeconds: 1\n")

    async def scenario(server: Server) -> None:
        assert (await server.register("url=slow-3.0.mar&synchronous=true")).status == 200
        await until(server.engine, lambda: workers(server) == 0)
        [version] = server.engine.describe("slow")
        assert (version.state, version.rests) == (VersionState.IDLE, True)
        [description] = await server.describe("slow")
        assert (description["minWorkers"], description["workers"]) == (1, [])
        assert (await server.ask("inference", "GET", "/ping")).json == {"status": "Healthy"}
        assert (await server.manage("GET", "/v1/models/slow")).json == {"name": "slow", "ready": True}
        answers = await asyncio.gather(*(server.predict("slow", data=b"x") for _ in range(5)))
        assert [(answer.status, answer.body) for answer in answers] == [(200, b"3.0")] * 5
        described = await server.manage("GET", "/models/slow?customized=true")
        assert described.status == 200

    run(home, scenario)


def test_a_request_to_a_version_that_rests_and_no_longer_loads_fails_with_the_cause(home: Home, tmp_path: Path) -> None:
    flag = tmp_path / "broken"
    source = f"FLAG = {str(flag)!r}\n{FORGETFUL}"
    archive(home.model_store, "slow", "4.0", source=source, config="minWorkers: 1\nidleUnloadSeconds: 1\n")

    async def scenario(server: Server) -> None:
        assert (await server.register("url=slow-4.0.mar&synchronous=true")).status == 200
        await until(server.engine, lambda: workers(server) == 0)
        flag.touch()
        code, kind, message = (await server.predict("slow", data=b"x")).error
        assert (code, kind) == (500, "InternalServerException")
        assert "could not be loaded again" in message
        assert "the disk with the weights is gone" in message

    run(home, scenario)


def test_a_version_that_rests_is_ready_to_kserve_clients(home: Home) -> None:
    async def scenario(server: Server) -> None:
        await server.register("url=slow-1.0.mar&initial_workers=1&synchronous=true")
        await until(server.engine, lambda: workers(server) == 0)
        ready = await server.ask("inference", "GET", "/v2/models/slow/ready")
        assert (ready.status, ready.json) == (200, {"name": "slow", "ready": True})

    run(home, scenario, idle_unload_seconds=1, ts_open_inference_protocol=True, open_inference_models=True)
