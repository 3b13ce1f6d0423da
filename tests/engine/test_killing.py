"""Killing a worker on request: its process ends, its requests fail, and it starts again as after any death."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from engine.engine import Engine
from engine.errors import ModelNotFoundError, PredictionError, VersionNotFoundError
from engine.registration import Registration
from engine.snapshots import VersionState, WorkerState
from engine.workers.launcher import Launcher
from tests.support.archives import NOOP, archive
from tests.support.servers import make_home, make_settings, until, until_state
from tests.support.workers import FakeLauncher

SLEEPS = """
import time

def handle(data, context):
    if data is None:
        return None
    time.sleep(60)
"""
ONE_WORKER = Registration("noop-1.0.mar", initial_workers=1, synchronous=True)


def run(
    root: Path, scenario: Callable[[Engine], Awaitable[None]], launcher: Launcher | None, source: str = NOOP
) -> None:
    home = make_home(root)
    archive(home.model_store, source=source)

    async def main() -> None:
        engine = Engine(make_settings(), home, launcher)
        try:
            await engine.start()
            await scenario(engine)
        finally:
            await engine.stop()

    asyncio.run(main())


def test_a_killed_worker_fails_its_requests_and_says_why_it_ended(tmp_path: Path) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(engine: Engine) -> None:
        await engine.register(ONE_WORKER)
        answer = engine.predict("noop", None, "id", {}, [])
        await asyncio.wait_for(launcher.received.wait(), 20)
        engine.kill("noop", "1.0", "9000")
        assert launcher.workers[0].is_closing()
        (worker,) = engine.describe("noop")[0].workers
        assert (worker.state, worker.last_death) == (WorkerState.BACKING_OFF, "killed on request, 1 request failed")
        with pytest.raises(PredictionError, match=r"Worker died\.") as failed:
            await answer
        assert failed.value.status == 500
        assert engine.log("noop", "1.0").lines[-1].text == "backing off: killed on request, 1 request failed"
        engine.retry("noop", "1.0", "9000")
        await until_state(engine, "noop", WorkerState.READY)
        assert engine.describe("noop")[0].workers[0].restarts == 1

    run(tmp_path, scenario, launcher)


def test_a_worker_that_loads_can_be_killed_and_one_without_a_process_is_left_alone(tmp_path: Path) -> None:
    launcher = FakeLauncher(loading=True)

    async def scenario(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar", initial_workers=1))
        await until_state(engine, "noop", WorkerState.LOADING)
        engine.kill("noop", "1.0", "9000")
        before = engine.describe("noop")
        assert before[0].state is VersionState.FAILED
        engine.kill("noop", "1.0", "9000")
        engine.kill("noop", "1.0", "nobody")
        assert engine.describe("noop") == before

    run(tmp_path, scenario, launcher)


def test_a_worker_that_drains_goes_at_once_when_it_is_killed(tmp_path: Path) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(engine: Engine) -> None:
        await engine.register(ONE_WORKER)
        answer = engine.predict("noop", None, "id", {}, [])
        await asyncio.wait_for(launcher.received.wait(), 20)
        await engine.scale("noop", None, min_workers=0)
        engine.kill("noop", "1.0", "9000")
        assert engine.describe("noop")[0].workers == ()
        with pytest.raises(PredictionError):
            await answer
        assert engine.log("noop", "1.0").lines[-1].text == "draining: killed on request, 1 request failed"

    run(tmp_path, scenario, launcher)


def test_killing_a_worker_of_a_version_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    async def scenario(engine: Engine) -> None:
        with pytest.raises(ModelNotFoundError):
            engine.kill("none", "1.0", "9000")
        await engine.register(Registration("noop-1.0.mar"))
        with pytest.raises(VersionNotFoundError):
            engine.kill("noop", "9", "9000")

    run(tmp_path, scenario, FakeLauncher())


def test_a_real_process_ends_and_another_takes_its_place(tmp_path: Path) -> None:
    async def scenario(engine: Engine) -> None:
        await engine.register(ONE_WORKER)
        (worker,) = engine.describe("noop")[0].workers
        process = psutil.Process(worker.pid)
        answer = engine.predict("noop", None, "id", {}, [])
        engine.kill("noop", "1.0", worker.id)
        with pytest.raises(PredictionError):
            await answer
        await until(engine, lambda: engine.describe("noop")[0].workers[0].restarts == 1)
        await until_state(engine, "noop", WorkerState.READY)
        assert engine.describe("noop")[0].workers[0].pid != worker.pid
        assert not process.is_running()

    run(tmp_path, scenario, None, SLEEPS)
