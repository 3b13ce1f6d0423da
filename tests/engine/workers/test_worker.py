from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
from typing import TYPE_CHECKING, Any

import pytest

from engine.runtime.frames import Kind
from engine.snapshots import WorkerState
from engine.tasks import TaskGroup
from engine.workers import lifecycle as life
from engine.workers.log import EVENTS_LOG
from engine.workers.memory import Memory
from engine.workers.worker import EXIT_GRACE, Worker
from tests.support.fakes_workers import EMITTED, FakeDispatcher, FakeLauncher, FakeProcess, a_plan, frame
from tests.support.loops import now, stand_still, turn, virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from engine.workers.channel import Emitted


class Listener:
    """Notes whether a batch failed."""

    def __init__(self) -> None:
        self.failures: list[tuple[int, str]] = []

    def partial(self, results: object, body: object) -> bool:
        raise AssertionError(f"nobody answered, but here are {results} and {body}")

    def done(self, results: object, body: object) -> None:
        self.partial(results, body)

    def failed(self, status: int, message: str) -> None:
        self.failures.append((status, message))


class Setting:
    """A worker with a fake process, a fake job queue, and the states it went through."""

    def __init__(self, **limits: float) -> None:
        self.launcher = FakeLauncher()
        self.dispatcher = FakeDispatcher()
        self.tasks = TaskGroup()
        self.states: list[WorkerState] = []
        self.worker = Worker("9000", a_plan(**limits), self.launcher, self.dispatcher, self.tasks, self._changed)

    def _changed(self, worker: Worker) -> None:
        if not self.states or self.states[-1] is not worker.state:
            self.states.append(worker.state)

    def is_in(self, state: WorkerState) -> bool:
        """Whether the worker is in `state` at this moment."""
        return self.worker.state is state

    @property
    def process(self) -> FakeProcess:
        """The newest process."""
        return self.launcher.processes[-1]

    async def start(self) -> None:
        """Start the worker up to LOADING."""
        self.worker.feed(life.Start())
        await turn()

    async def make_ready(self) -> None:
        await self.start()
        self.process.loads()

    def sends(self, jobs: int = 1) -> Listener:
        """Have the job queue send a batch."""
        listener = Listener()
        self.dispatcher.serving[0].send([{"id": str(number)} for number in range(jobs)], [], listener)
        return listener


@contextlib.asynccontextmanager
async def a_worker(**limits: Any) -> AsyncIterator[Setting]:
    """Give a worker that has not started; afterwards it goes, and every process of it must be gone."""
    setting = Setting(**limits)
    yield setting
    setting.dispatcher.lets_go_at_once = True
    setting.launcher.gate.set()
    if not setting.is_in(WorkerState.STOPPED):
        setting.worker.feed(life.Drain(0))
    await setting.tasks.join()
    assert setting.launcher.alive == []
    assert setting.is_in(WorkerState.STOPPED)
    assert setting.dispatcher.serving == []


@virtual_time
async def test_a_worker_starts_loads_and_serves() -> None:
    async with a_worker() as setting:
        await setting.start()
        ((kind, meta, _),) = setting.process.frames
        assert (kind, meta["model_name"], meta["gpu_id"]) == (Kind.LOAD, "net", None)
        assert setting.dispatcher.serving == []
        setting.process.loads()
        assert setting.states == [WorkerState.STARTING, WorkerState.LOADING, WorkerState.READY]
        assert setting.dispatcher.serving == [setting.process.channel]
        snapshot = setting.worker.snapshot()
        assert (snapshot.id, snapshot.pid, snapshot.device) == ("9000", setting.process.pid, "cpu")
        assert (snapshot.restarts, snapshot.last_death, snapshot.busy) == (0, "", False)


@virtual_time
async def test_a_crash_fails_its_batch_and_the_worker_comes_back() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        listener = setting.sends(jobs=3)
        assert setting.worker.busy
        setting.process.output("stderr", "last words")
        setting.process.exit(-11)
        await turn()
        assert listener.failures == [(500, "Worker died.")]
        snapshot = setting.worker.snapshot()
        assert (snapshot.state, snapshot.pid) == (WorkerState.BACKING_OFF, None)
        assert snapshot.last_death == "killed by SIGSEGV, 3 requests failed"
        assert snapshot.traceback == "last words"
        await asyncio.sleep(1.001)
        setting.process.loads()
        assert len(setting.launcher.processes) == 2
        snapshot = setting.worker.snapshot()
        assert (snapshot.state, snapshot.restarts, snapshot.requests) == (WorkerState.READY, 1, 3)


@virtual_time
async def test_a_process_short_of_memory_answers_with_507() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        listener = setting.sends()
        setting.process.exit(137)
        await turn()
        assert listener.failures == [(507, "Worker died.")]


@virtual_time
async def test_a_failed_load_keeps_its_traceback_and_ends_the_process() -> None:
    async with a_worker(retry_window=0) as setting:
        await setting.start()
        setting.process.fails_to_load("MemoryError", code=507)
        snapshot = setting.worker.snapshot()
        assert (snapshot.state, snapshot.last_death) == (WorkerState.FAILED, "MemoryError")
        assert snapshot.traceback == "Traceback\nMemoryError"
        assert setting.worker.life.facts.out_of_memory
        assert setting.launcher.alive == []


@virtual_time
async def test_a_load_that_takes_too_long_is_ended() -> None:
    async with a_worker(startup_timeout=5) as setting:
        await setting.start()
        await asyncio.sleep(5.001)
        assert setting.process.killed
        assert setting.is_in(WorkerState.BACKING_OFF)


@virtual_time
async def test_the_cause_of_a_load_that_takes_too_long_ends_with_the_progress_that_it_showed() -> None:
    async with a_worker(startup_timeout=5) as setting:
        await setting.start()
        setting.process.printing = {"stdout": " 45%|####"}
        (line,) = setting.worker.unfinished_lines()
        assert (line.worker, line.stream, line.text) == ("9000", "stdout", " 45%|####")
        await asyncio.sleep(5.001)
        assert setting.worker.snapshot().traceback == "Standard output ended with:\n 45%|####"
        assert setting.worker.unfinished_lines() == []


@virtual_time
async def test_a_load_that_ended_during_a_standstill_counts() -> None:
    async with a_worker(startup_timeout=5) as setting:
        await setting.start()
        ours, theirs = socket.socketpair()
        with ours, theirs:

            def arrives() -> None:
                ours.recv(1)
                setting.process.loads()

            loop = asyncio.get_running_loop()
            loop.add_reader(ours, arrives)
            theirs.send(b"!")
            await stand_still(60)
            await turn()
            assert setting.is_in(WorkerState.READY)
            loop.remove_reader(ours)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (FileNotFoundError(2, "No such file or directory"), "cannot start python3: No such file or directory"),
        (OSError("odd"), "cannot start python3: odd"),
        (ValueError("embedded null byte"), "cannot start python3: embedded null byte"),
    ],
)
@virtual_time
async def test_a_launch_that_fails_names_the_interpreter(error: Exception, cause: str) -> None:
    async with a_worker() as setting:
        setting.launcher.errors = [error]
        await setting.start()
        assert setting.is_in(WorkerState.BACKING_OFF)
        assert setting.worker.snapshot().last_death == cause
        await asyncio.sleep(1.001)
        assert setting.is_in(WorkerState.LOADING)


@virtual_time
async def test_a_late_answer_kills_the_process() -> None:
    async with a_worker(response_timeout=3) as setting:
        await setting.make_ready()
        listener = setting.sends(jobs=2)
        await asyncio.sleep(3.001)
        assert setting.process.killed
        assert listener.failures == [(500, "Worker died.")]
        assert setting.worker.snapshot().last_death == "no answer within 3 s (response_timeout), 2 requests failed"


@virtual_time
async def test_nonsense_kills_the_process_once() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        setting.process.says(b"Segmentation fault")
        assert setting.process.killed
        assert setting.is_in(WorkerState.BACKING_OFF)
        await turn()
        assert setting.worker.life.facts.failures == 1


@virtual_time
async def test_a_worker_that_hangs_up_gets_no_jobs_and_is_ended_if_it_stays() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        process = setting.process
        process.hangs_up()
        assert setting.dispatcher.serving == []
        assert setting.is_in(WorkerState.READY)
        await asyncio.sleep(EXIT_GRACE + 0.001)
        assert process.killed
        assert setting.worker.snapshot().last_death == "the worker closed its connection but did not exit"


@virtual_time
async def test_a_worker_that_hangs_up_and_exits_died_of_its_exit() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        setting.process.hangs_up()
        setting.process.exit(3)
        await asyncio.sleep(1.5 * EXIT_GRACE)
        assert setting.worker.snapshot().last_death == "exited with code 3"
        assert len(setting.launcher.processes) == 2
        assert setting.launcher.alive


@virtual_time
async def test_a_draining_worker_that_hangs_up_is_ended_if_it_stays() -> None:
    async with a_worker() as setting:
        setting.dispatcher.lets_go_at_once = False
        await setting.make_ready()
        setting.worker.feed(life.Drain(None))
        setting.process.hangs_up()
        await asyncio.sleep(EXIT_GRACE + 0.001)
        assert setting.process.killed
        assert setting.is_in(WorkerState.STOPPED)


@virtual_time
async def test_a_drained_worker_leaves_by_itself() -> None:
    async with a_worker() as setting:
        setting.dispatcher.lets_go_at_once = False
        await setting.make_ready()
        setting.worker.feed(life.Drain(None))
        await asyncio.sleep(1000)
        assert setting.process.alive
        setting.dispatcher.let_go()
        await turn()
        assert setting.states[-2:] == [WorkerState.DRAINING, WorkerState.STOPPED]
        assert not setting.process.killed


@virtual_time
async def test_a_worker_that_does_not_leave_is_killed() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        setting.process.stubborn = True
        setting.worker.feed(life.Drain(None))
        await asyncio.sleep(life.LEAVE_GRACE - 0.001)
        assert setting.process.alive
        await asyncio.sleep(0.002)
        assert setting.process.killed


@virtual_time
async def test_a_drain_that_takes_too_long_fails_what_is_left() -> None:
    async with a_worker() as setting:
        setting.dispatcher.lets_go_at_once = False
        await setting.make_ready()
        listener = setting.sends()
        setting.worker.feed(life.Drain(7))
        await asyncio.sleep(6.999)
        assert listener.failures == []
        await asyncio.sleep(0.002)
        assert listener.failures == [(500, "Worker died.")]
        assert setting.is_in(WorkerState.STOPPED)


@virtual_time
async def test_a_worker_drained_while_its_process_starts_ends_it_as_soon_as_it_runs() -> None:
    async with a_worker() as setting:
        setting.launcher.gate.clear()
        await setting.start()
        setting.worker.feed(life.Drain(None))
        assert setting.is_in(WorkerState.DRAINING)
        setting.launcher.gate.set()
        await turn()
        assert setting.process.killed
        assert setting.is_in(WorkerState.STOPPED)


@virtual_time
async def test_a_process_that_starts_after_its_worker_has_stopped_is_killed() -> None:
    async with a_worker() as setting:
        setting.launcher.gate.clear()
        await setting.start()
        setting.worker.feed(life.Drain(None))
        setting.worker.feed(life.Drain(1))
        await asyncio.sleep(1.001)
        assert setting.is_in(WorkerState.STOPPED)
        setting.launcher.gate.set()
        await setting.tasks.join()
        assert setting.process.killed


@virtual_time
async def test_the_cause_of_a_death_holds_what_this_life_printed_and_nothing_of_an_earlier_one() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        setting.process.output("stderr", "of the first life")
        setting.process.exit(1)
        await asyncio.sleep(1.001)
        setting.process.loads()
        setting.process.output("stdout", "working")
        setting.process.output("stderr", "ValueError: no")
        setting.process.exit(1)
        await turn()
        assert setting.worker.snapshot().traceback == "ValueError: no\n\nStandard output ended with:\nworking"


@pytest.mark.parametrize("ending", ["no answer", "nonsense", "not loaded"])
@virtual_time
async def test_a_worker_that_is_ended_leaves_its_last_lines_too(ending: str) -> None:
    async with a_worker(response_timeout=3, startup_timeout=3) as setting:
        await setting.start()
        setting.process.output("stderr", "going round in circles")
        if ending != "not loaded":
            setting.process.loads()
            setting.sends()
        if ending == "nonsense":
            setting.process.says(b"Segmentation fault")
        await asyncio.sleep(3.001)
        assert setting.is_in(WorkerState.BACKING_OFF) or setting.worker.life.facts.restarts
        assert setting.worker.snapshot().traceback == "going round in circles"


@virtual_time
async def test_late_loads_change_nothing_and_metrics_are_passed_on() -> None:
    async with a_worker() as setting:
        taken: list[Emitted] = []
        setting.worker._plan = dataclasses.replace(setting.worker._plan, take_metrics=taken.extend)
        await setting.make_ready()
        setting.process.says(frame(Kind.METRICS, {"metrics": [EMITTED]}))
        assert [one.name for one in taken] == ["t"]
        setting.process.loads()
        setting.process.fails_to_load()
        assert setting.is_in(WorkerState.READY)
        assert now() == 0


@virtual_time
async def test_memory_is_told_only_while_a_process_runs() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        setting.worker.memory = Memory(400, 1000)
        assert (setting.worker.snapshot().memory, setting.worker.snapshot().resident) == (400, 1000)
        setting.process.exit(1)
        await turn()
        assert (setting.worker.snapshot().memory, setting.worker.snapshot().resident) == (0, 0)


@virtual_time
async def test_what_every_life_of_a_worker_prints_is_in_the_log_of_its_version() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        setting.process.output("stdout", "of the first life")
        setting.process.exit(1)
        await asyncio.sleep(1.5)
        setting.process.output("stderr", "of the second life")
        lines = setting.worker._plan.log.since(0).lines
        assert [(line.worker, line.stream, line.text) for line in lines] == [
            ("9000", "stdout", "of the first life"),
            ("9000", "stderr", "of the second life"),
        ]


@virtual_time
async def test_a_leaving_worker_that_takes_requests_along_is_in_the_log() -> None:
    async with a_worker() as setting:
        await setting.make_ready()
        setting.sends(jobs=2)
        setting.process.exit(-9)
        setting.worker.feed(life.Drain(None))
        await turn()
        assert setting.is_in(WorkerState.STOPPED)
        (line,) = setting.worker._plan.log.since(0).lines
        assert (line.stream, line.text) == ("marina", "draining: killed by SIGKILL, 2 requests failed")


async def does_not_start(setting: Setting) -> None:
    setting.launcher.errors = [OSError("odd")]
    await setting.start()


async def fails_to_load(setting: Setting) -> None:
    await setting.start()
    setting.process.fails_to_load("no weights")


async def loads_too_long(setting: Setting) -> None:
    await setting.start()
    await asyncio.sleep(120.001)


async def talks_nonsense(setting: Setting) -> None:
    await setting.make_ready()
    setting.process.says(b"Segmentation fault")


async def dies(setting: Setting) -> None:
    await setting.make_ready()
    setting.process.exit(-9)
    await turn()


async def dies_while_it_drains(setting: Setting) -> None:
    await setting.make_ready()
    setting.sends()
    setting.worker.feed(life.Drain(None))
    setting.process.exit(-9)
    await turn()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (does_not_start, ["Backend worker error: cannot start python3: odd"]),
        (fails_to_load, ["Load model failed: net, error: Worker died.", "Backend worker process died."]),
        (loads_too_long, ["Backend worker error: the handler was not loaded within 120 s (startup_timeout)"]),
        (talks_nonsense, ["Backend worker error: "]),
        (dies, ["Backend worker process died."]),
        (dies_while_it_drains, ["Backend worker process died."]),
    ],
)
@virtual_time
async def test_a_failure_is_logged_in_torchserves_words_too(
    failure: Callable[[Setting], Awaitable[None]], words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with a_worker() as setting:
        await failure(setting)
        told = [text for name, _, text in caplog.record_tuples if name == EVENTS_LOG and "9000: draining" not in text]
        assert len(told) == len(words)
        assert all(one.startswith(f"net 1.0 worker 9000: {start}") for one, start in zip(told, words, strict=True))
