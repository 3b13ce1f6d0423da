from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from engine.errors import WorkerStartError
from engine.registry.records import Target
from engine.runtime.frames import Kind
from engine.snapshots import WorkerState
from engine.workers.log import OF_WORKER
from engine.workers.pool import START_SLICE, Pool
from tests.support.fakes_workers import FakeDispatcher, FakeLauncher, a_plan
from tests.support.loop_watch import watched_loop
from tests.support.loops import now, real_time, turn, virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Setting:
    """A pool whose workers are fakes that load at once."""

    def __init__(self, environment: dict[str, str] | None = None, **limits: float) -> None:
        self.launcher = FakeLauncher()
        self.launcher.loads_at_once = True
        self.dispatcher = FakeDispatcher()
        self.changes = 0
        plan = a_plan(**limits)
        plan = replace(plan, launch=replace(plan.launch, environment=environment or {}))
        self.pool = Pool(plan, self.launcher, self.dispatcher, itertools.count(9000), self._changed)

    def _changed(self) -> None:
        self.changes += 1

    async def scale(self, target: int, most: int | None = None) -> None:
        """Set the target and wait until it is reached."""
        await self.pool.settled(self.pool.set_target(Target(target, target if most is None else most)))

    @property
    def ids(self) -> list[str]:
        return list(self.pool.workers)

    @property
    def states(self) -> set[WorkerState]:
        return {worker.state for worker in self.pool.workers.values()}


@contextlib.asynccontextmanager
async def a_pool(environment: dict[str, str] | None = None, **limits: Any) -> AsyncIterator[Setting]:
    """Give an empty pool; afterwards it is closed, and every process must be gone."""
    setting = Setting(environment, **limits)
    yield setting
    setting.launcher.gate.set()
    setting.dispatcher.lets_go_at_once = True
    await setting.pool.close(0)
    assert setting.launcher.alive == []
    assert setting.ids == []


@virtual_time
async def test_workers_come_up_to_the_minimum() -> None:
    async with a_pool() as setting:
        await setting.scale(2)
        assert setting.ids == ["9000", "9001"]
        assert setting.states == {WorkerState.READY}
        assert setting.pool.hopeful == 2
        assert setting.changes > 0


@virtual_time
async def test_nothing_happens_between_minimum_and_maximum() -> None:
    async with a_pool() as setting:
        await setting.scale(2)
        await setting.scale(1, 3)
        assert setting.ids == ["9000", "9001"]
        assert setting.launcher.launches == 2


@virtual_time
async def test_the_newest_go_first_and_ids_are_never_used_again() -> None:
    async with a_pool() as setting:
        await setting.scale(3)
        await setting.scale(1)
        assert setting.ids == ["9000"]
        await setting.scale(2)
        assert setting.ids == ["9000", "9003"]


@virtual_time
async def test_a_pool_scaled_to_nothing_is_settled_when_all_are_gone() -> None:
    async with a_pool() as setting:
        await setting.scale(2)
        for process in setting.launcher.processes:
            process.stubborn = True
        await setting.scale(0)
        assert setting.ids == []
        assert now() == pytest.approx(2)


@virtual_time
async def test_settled_raises_the_cause_of_the_first_failure() -> None:
    async with a_pool() as setting:
        setting.launcher.loads_at_once = False
        coming = setting.pool.set_target(Target(2, 2))
        await turn()
        setting.launcher.processes[0].loads()
        setting.launcher.processes[1].fails_to_load("MemoryError: too big", code=507)
        with pytest.raises(WorkerStartError, match="worker 9001: MemoryError: too big") as failure:
            await setting.pool.settled(coming)
        assert (failure.value.cause, failure.value.out_of_memory) == ("MemoryError: too big", True)


@virtual_time
async def test_settled_ends_when_what_it_waited_for_is_no_longer_wanted() -> None:
    async with a_pool() as setting:
        setting.launcher.gate.clear()
        coming = setting.pool.set_target(Target(2, 2))
        async with asyncio.timeout(1), asyncio.TaskGroup() as tasks:
            tasks.create_task(setting.pool.settled(coming))
            await turn()
            setting.pool.set_target(Target())
            setting.launcher.gate.set()
        assert setting.ids == []


@virtual_time
async def test_a_worker_that_crashes_is_replaced_by_itself() -> None:
    async with a_pool() as setting:
        await setting.scale(1)
        setting.launcher.processes[0].exit(1)
        await turn()
        assert setting.states == {WorkerState.BACKING_OFF}
        assert setting.pool.hopeful == 1
        await asyncio.sleep(1.001)
        assert setting.ids == ["9000"]
        assert setting.states == {WorkerState.READY}


@virtual_time
async def test_a_failed_worker_stays_until_it_is_retried() -> None:
    async with a_pool(retry_window=0) as setting:
        setting.launcher.errors = [OSError("no")]
        with pytest.raises(WorkerStartError):
            await setting.scale(1)
        assert setting.states == {WorkerState.FAILED}
        assert setting.pool.hopeful == 0
        setting.pool.retry("9000")
        await turn()
        assert setting.states == {WorkerState.READY}


@virtual_time
async def test_scaling_tries_failed_workers_again() -> None:
    async with a_pool(retry_window=0) as setting:
        setting.launcher.errors = [OSError("no"), OSError("no")]
        with pytest.raises(WorkerStartError):
            await setting.scale(2)
        await turn()
        assert setting.states == {WorkerState.FAILED}
        await setting.scale(2)
        assert setting.ids == ["9000", "9001"]
        assert setting.states == {WorkerState.READY}


@virtual_time
async def test_a_retry_of_a_worker_that_runs_or_is_not_there_does_nothing() -> None:
    async with a_pool() as setting:
        await setting.scale(1)
        setting.pool.retry("9000")
        setting.pool.retry("1")
        await turn()
        assert setting.launcher.launches == 1


@virtual_time
async def test_a_retry_does_not_wait_for_the_back_off() -> None:
    async with a_pool() as setting:
        await setting.scale(1)
        setting.launcher.processes[0].exit(1)
        await turn()
        setting.pool.retry("9000")
        await turn()
        assert setting.states == {WorkerState.READY}
        assert now() == 0
        await asyncio.sleep(10)
        assert setting.launcher.launches == 2


async def _while_launching(setting: Setting) -> None:
    setting.launcher.gate.clear()
    setting.pool.set_target(Target(1, 1))
    await turn()


async def _while_loading(setting: Setting) -> None:
    setting.launcher.loads_at_once = False
    setting.pool.set_target(Target(1, 1))
    await turn()


async def _while_ready(setting: Setting) -> None:
    await setting.scale(1)


async def _while_draining(setting: Setting) -> None:
    setting.dispatcher.lets_go_at_once = False
    await setting.scale(1)
    setting.pool.set_target(Target())


async def _while_backing_off(setting: Setting) -> None:
    setting.launcher.errors = [OSError("no")]
    setting.pool.set_target(Target(1, 1))
    await turn()


async def _when_failed(setting: Setting) -> None:
    await _while_backing_off(setting)
    setting.launcher.errors = [OSError("no")]
    await asyncio.sleep(1.001)


SITUATIONS = {
    WorkerState.STARTING: _while_launching,
    WorkerState.LOADING: _while_loading,
    WorkerState.READY: _while_ready,
    WorkerState.DRAINING: _while_draining,
    WorkerState.BACKING_OFF: _while_backing_off,
    WorkerState.FAILED: _when_failed,
}


@pytest.mark.parametrize("state", SITUATIONS)
@virtual_time
async def test_a_pool_closes_from_every_state(state: WorkerState) -> None:
    async with a_pool(retry_window=1) as setting:
        await SITUATIONS[state](setting)
        assert setting.states == {state}
        asyncio.get_running_loop().call_later(3, setting.launcher.gate.set)
        await setting.pool.close(5)
        assert setting.launcher.alive == []
        assert setting.ids == []


@virtual_time
async def test_close_waits_for_processes_to_be_gone() -> None:
    async with a_pool() as setting:
        await setting.scale(1)
        setting.dispatcher.lets_go_at_once = False
        async with asyncio.TaskGroup() as tasks:
            closing = tasks.create_task(setting.pool.close(None))
            await asyncio.sleep(1000)
            assert not closing.done()
            setting.dispatcher.let_go()
        assert setting.launcher.alive == []


@virtual_time
async def test_close_hurries_those_that_drain_without_a_limit() -> None:
    async with a_pool() as setting:
        await _while_draining(setting)
        await setting.pool.close(5)
        assert now() == pytest.approx(5)


@virtual_time
async def test_a_closed_pool_may_be_closed_again() -> None:
    async with a_pool() as setting:
        await setting.scale(1)
        await setting.pool.close(None)
        await setting.pool.close(None)


@virtual_time
async def test_resizing_starts_workers_or_lets_spare_ones_go_and_leaves_the_target() -> None:
    async with a_pool() as setting:
        await setting.scale(1, 4)
        setting.pool.resize(3)
        await turn()
        assert setting.ids == ["9000", "9001", "9002"]
        setting.dispatcher.kept = setting.dispatcher.serving[1:]
        setting.pool.resize(1)
        await turn()
        assert setting.ids == ["9001", "9002"]
        assert setting.pool.target == Target(1, 4)


@virtual_time
async def test_closing_tells_of_a_process_that_outlives_its_kill() -> None:
    async with a_pool() as setting:
        await setting.scale(1)
        [process] = setting.launcher.processes
        process.stubborn, process.kill = True, lambda: None  # type: ignore[method-assign]
        with pytest.raises(TimeoutError):
            await setting.pool.close(0, 5)
        assert setting.ids == []
        assert now() == pytest.approx(2 + 5), "two seconds to leave by itself, then it is killed"
        process.exit(-9)


@virtual_time
async def test_torchserves_log_has_the_cause_of_a_failed_load_once(caplog: pytest.LogCaptureFixture) -> None:
    async with a_pool() as setting:
        setting.launcher.loads_at_once = False
        setting.pool.set_target(Target(2, 2))
        await turn()
        setting.launcher.processes[0].fails_to_load("no weights")
        setting.launcher.processes[1].exit(-9)
        await turn()
        told = [vars(one)[OF_WORKER] for one in caplog.records if one.levelname == "WARNING"]
        assert told == [
            # The worker has printed the traceback, whose last line is the cause.
            ("W-9000-net_1.0", "backing off: see the traceback above"),
            ("W-9001-net_1.0", "backing off: killed by SIGKILL"),
        ]


def threads_told(setting: Setting) -> list[list[int]]:
    """Return how many threads each worker's process was told to use since it started, oldest worker first."""
    processes = [process for process in setting.launcher.processes if process.alive]
    return [[meta["threads"] for kind, meta, _ in process.frames if kind is Kind.THREADS] for process in processes]


@virtual_time
async def test_processors_are_dealt_anew_when_the_number_of_workers_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    async with a_pool() as setting:
        await setting.scale(1)
        await setting.scale(8)
        started = [spec.environment["OMP_NUM_THREADS"] for spec in setting.launcher.specs]
        assert started == ["16"] + ["2"] * 7
        assert threads_told(setting) == [[2]] + [[]] * 7
        await setting.scale(2)
        assert threads_told(setting) == [[2, 8], [8]]


@virtual_time
async def test_a_worker_that_starts_again_gets_its_share_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    async with a_pool() as setting:
        await setting.scale(1)
        await setting.scale(2)
        setting.launcher.processes[0].exit(1)
        await asyncio.sleep(1.001)
        assert setting.launcher.specs[-1].environment["OMP_NUM_THREADS"] == "8"
        assert threads_told(setting) == [[], []]


@virtual_time
async def test_a_number_of_threads_in_the_environment_is_not_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    async with a_pool({"OMP_NUM_THREADS": "3"}) as setting:
        await setting.scale(1)
        await setting.scale(2)
        assert [spec.environment["OMP_NUM_THREADS"] for spec in setting.launcher.specs] == ["3", "3"]
        assert threads_told(setting) == [[], []]


MANY = 1000


@real_time
async def test_a_thousand_workers_start_and_leave_in_turns_that_hold_the_loop_for_a_moment() -> None:
    with watched_loop() as calls:
        async with a_pool() as setting:
            setting.dispatcher.lets_go_at_once = True
            await setting.scale(MANY)
            assert setting.states == {WorkerState.READY}
            assert setting.pool.outlook().able == MANY
            await setting.scale(0)
    # Processor time, since another process may hold this one up.
    longest = max(calls, key=lambda call: call.cpu)
    assert longest.cpu < 0.1, longest


@virtual_time
async def test_workers_that_are_not_needed_any_more_are_never_started() -> None:
    async with a_pool() as setting:
        coming = setting.pool.set_target(Target(MANY, MANY))
        assert len(coming) == MANY
        await setting.scale(1)
        assert setting.ids == ["9000"]
        assert setting.launcher.launches == START_SLICE
        assert setting.pool.outlook().able == 1
