"""Workers that come and go with the requests of one version: fakes in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.elastic import rules_of
from engine.errors import PredictionError
from engine.registry.records import Target
from engine.serving.jobs import Job, Reply
from engine.settings import Settings
from engine.snapshots import Batching, VersionState, WorkerState
from engine.version import Version
from engine.workers.lifecycle import Limits
from engine.workers.scaling import Rules
from tests.support.fakes_workers import FakeLauncher, a_plan, reply
from tests.support.loops import now, turn, virtual_time
from tests.support.records import spec

RULES = Rules(up=2, down=10, unload=0)
UNLOADING = Rules(up=2, down=10, unload=30)
BATCH = 1


class Setting:
    """A version whose workers are fakes that load at once."""

    def __init__(self, rules: Rules, limits: Limits | None, **changed: Any) -> None:
        self.launcher = FakeLauncher()
        self.launcher.loads_at_once = True
        plan = a_plan() if limits is None else a_plan(limits.startup_timeout, limits.retry_window)
        ids = itertools.count(9000)
        record = spec(**changed)
        self.version = Version(record, Path("/nowhere"), plan, self.launcher, ids, lambda _: None, rules=rules)

    @property
    def states(self) -> list[WorkerState]:
        return [worker.state for worker in self.version.pool.workers.values()]

    @property
    def ids(self) -> list[str]:
        return list(self.version.pool.workers)

    async def scale(self, least: int, most: int) -> None:
        await self.version.pool.settled(self.version.set_target(Target(least, most)))

    def ask(self, **headers: str) -> asyncio.Future[Reply]:
        """Submit a request as the engine does."""
        job = Job("a", headers, [])
        assert not self.version.submit(job)
        return job.future

    def answer(self, process: int, batch: int = BATCH) -> None:
        self.launcher.processes[process].says(reply(batch, b"OK"))


@asynccontextmanager
async def a_version(rules: Rules, limits: Limits | None = None, **changed: Any) -> AsyncIterator[Setting]:
    """Give a version without workers; afterwards it is closed and nothing is left of it."""
    setting = Setting(rules, limits, **changed)
    yield setting
    await setting.version.close(0)
    assert setting.launcher.alive == []
    assert setting.ids == []


@virtual_time
async def test_jobs_that_wait_bring_further_workers_up_to_the_maximum() -> None:
    async with a_version(RULES) as setting:
        await setting.scale(1, 3)
        asked = [setting.ask() for _ in range(10)]
        await asyncio.sleep(2.5)
        assert len(setting.ids) == 2
        await asyncio.sleep(100)
        assert len(setting.ids) == 3
        snapshot = setting.version.snapshot(is_default=True)
        assert (snapshot.min_workers, snapshot.max_workers) == (1, 3)
        for future in asked:
            future.cancel()


@virtual_time
async def test_spare_workers_go_one_by_one_down_to_the_minimum() -> None:
    async with a_version(RULES) as setting:
        await setting.scale(3, 3)
        await setting.scale(1, 3)
        assert setting.ids == ["9000", "9001", "9002"]
        await asyncio.sleep(10.5)
        assert setting.ids == ["9000", "9001"]
        await asyncio.sleep(100)
        assert setting.ids == ["9000"]


@virtual_time
async def test_a_spare_worker_goes_rather_than_a_newer_one_with_a_job() -> None:
    async with a_version(RULES) as setting:
        await setting.scale(2, 2)
        await setting.scale(1, 2)
        first, second = setting.ask(), setting.ask()
        setting.answer(0)
        await first
        await asyncio.sleep(20)
        assert setting.ids == ["9001"]
        setting.answer(1)
        assert bytes((await second).body) == b"OK"


@virtual_time
async def test_a_worker_stays_while_a_sequence_keeps_to_it() -> None:
    sequences = Batching(sequences=True, sequence_max_idle=50_000, max_sequences=4, max_sequence_jobs=1)
    async with a_version(RULES, batching=sequences, max_batch_delay=0) as setting:
        await setting.scale(2, 2)
        await setting.scale(1, 2)
        one, other = (setting.ask(ts_request_sequence_id=name) for name in ("one", "other"))
        setting.answer(0)
        setting.answer(1)
        await asyncio.gather(one, other)
        await asyncio.sleep(45)
        assert len(setting.ids) == 2
        await asyncio.sleep(20)
        assert setting.ids == ["9000"]


@pytest.mark.parametrize(("least", "most"), [(2, 2), (0, 0)])
def test_no_timer_runs_where_the_target_leaves_no_choice(least: int, most: int) -> None:
    @virtual_time
    async def scenario() -> None:
        async with a_version(RULES) as setting:
            await setting.scale(1, 2)
            await setting.scale(least, most)
            timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
            assert [timer for timer in timers if not timer.cancelled()] == []

    scenario()


@virtual_time
async def test_a_version_without_requests_rests_and_the_next_request_waits_for_it() -> None:
    async with a_version(UNLOADING) as setting:
        await setting.scale(2, 2)
        await asyncio.sleep(31)
        assert setting.ids == []
        assert not setting.version.pool.is_short
        snapshot = setting.version.snapshot(is_default=True)
        assert (snapshot.state, snapshot.rests, snapshot.min_workers) == (VersionState.IDLE, True, 2)
        asked = setting.ask()
        assert setting.states == [WorkerState.STARTING] * 2
        await turn()
        setting.answer(2)
        assert bytes((await asked).body) == b"OK"
        await asyncio.sleep(32)
        assert setting.ids == []


@virtual_time
async def test_a_request_while_the_last_worker_leaves_starts_another() -> None:
    async with a_version(UNLOADING) as setting:
        await setting.scale(1, 1)
        setting.launcher.processes[0].stubborn = True
        await asyncio.sleep(30.5)
        assert setting.states == [WorkerState.DRAINING]
        asked = setting.ask()
        await turn()
        setting.answer(1)
        assert bytes((await asked).body) == b"OK"


@virtual_time
async def test_requests_keep_a_version_from_resting() -> None:
    async with a_version(UNLOADING) as setting:
        await setting.scale(1, 1)
        for batch in range(1, 10):
            asked = setting.ask()
            setting.answer(0, batch)
            await asked
            await asyncio.sleep(25)
            assert setting.states == [WorkerState.READY]


@pytest.mark.parametrize(("code", "status"), [(500, 500), (507, 507)])
@pytest.mark.parametrize("retry_window", [0, 300])
def test_a_request_fails_with_the_cause_when_loading_again_fails(code: int, status: int, retry_window: int) -> None:
    @virtual_time
    async def scenario() -> None:
        async with a_version(UNLOADING, Limits(120, retry_window)) as setting:
            await setting.scale(1, 1)
            await asyncio.sleep(31)
            setting.launcher.loads_at_once = False
            asked = setting.ask()
            await turn()
            setting.launcher.processes[1].fails_to_load("ImportError: no torch", code)
            with pytest.raises(PredictionError, match="could not be loaded again: ImportError: no torch") as failure:
                await asked
            assert failure.value.status == status
            assert setting.version.pool.is_short is (retry_window == 0)

    scenario()


@virtual_time
async def test_a_request_waits_no_longer_than_loading_may_take() -> None:
    async with a_version(UNLOADING, Limits(7, 300)) as setting:
        await setting.scale(1, 1)
        await asyncio.sleep(31)
        setting.launcher.loads_at_once = False
        begun, asked = now(), setting.ask()
        with pytest.raises(PredictionError, match="not loaded within 7 s"):
            await asked
        assert now() - begun == pytest.approx(7)


@virtual_time
async def test_a_crash_after_loading_again_leaves_waiting_requests_to_the_restart() -> None:
    async with a_version(UNLOADING) as setting:
        await setting.scale(1, 1)
        await asyncio.sleep(31)
        first, second = setting.ask(), setting.ask()
        await turn()
        setting.launcher.processes[1].exit(1)
        with pytest.raises(PredictionError, match=r"Worker died\."):
            await first
        await asyncio.sleep(1.5)
        setting.answer(2)
        assert bytes((await second).body) == b"OK"


@virtual_time
async def test_scaling_a_version_that_rests_starts_its_workers() -> None:
    async with a_version(UNLOADING) as setting:
        await setting.scale(1, 1)
        await asyncio.sleep(31)
        await setting.scale(2, 2)
        assert setting.states == [WorkerState.READY] * 2


@pytest.mark.parametrize(("own", "seconds"), [(None, 60), (0, 0), (5, 5)])
def test_the_models_configuration_says_when_it_rests_else_the_setting(own: int | None, seconds: int) -> None:
    rules = rules_of(spec(idle_unload=own), Settings(idle_unload_seconds=60))
    assert rules == Rules(up=2, down=60, unload=seconds)
