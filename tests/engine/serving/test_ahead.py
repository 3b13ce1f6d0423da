"""Batches that are sent to busy workers: what goes ahead, when it begins, and who has it back."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from engine.errors import PredictionError
from engine.serving.ahead import LARGEST, PATIENCE
from engine.serving.jobs import Input, Job
from engine.serving.queue import JobQueue
from engine.workers.channel import Channel
from tests.support.fakes_workers import UNSENDABLE, FakeChannel
from tests.support.loops import virtual_time


class Setting:
    """A queue with workers that take batches ahead."""

    def __init__(self, workers: int = 1, batch_size: int = 1, capacity: int = 100) -> None:
        self.queue = JobQueue(batch_size, 0.1, capacity)
        self.queue.expect(workers)
        self.workers = [FakeChannel(takes_ahead=True) for _ in range(workers)]
        for worker in self.workers:
            self.queue.serve(cast("Channel", worker))

    def submit(self, *names: str, size: int = 1) -> list[Job]:
        jobs = [Job(name, {}, [Input("body", "", b"x" * size)]) for name in names]
        assert [self.queue.submit(job) for job in jobs] == [""] * len(jobs)
        return jobs

    def retire(self, worker: FakeChannel) -> asyncio.Event:
        gone = asyncio.Event()
        self.queue.retire(cast("Channel", worker), gone.set)
        return gone

    def drop(self, worker: FakeChannel) -> None:
        self.queue.drop(cast("Channel", worker))

    @property
    def ahead(self) -> list[list[str]]:
        """What each worker has ahead."""
        return [worker.ahead for worker in self.workers]

    @property
    def running(self) -> list[list[str]]:
        """What each worker is busy with."""
        return [worker.sent[-1] if worker.busy else [] for worker in self.workers]

    def check_figures(self) -> None:
        """Every job accepted is in exactly one place."""
        figures = self.queue.snapshot()
        assert figures.accepted == figures.pending + figures.in_flight + figures.answered + figures.failed
        assert min(figures.pending, figures.in_flight) >= 0


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a clock of one number, the seconds that the code which measures waits believes to have passed."""
    clock = [0.0]
    for module in ("engine.serving.ahead", "engine.serving.batch"):
        monkeypatch.setattr(f"{module}.perf_counter", lambda: clock[0])
    return clock


@virtual_time
async def test_a_busy_worker_has_one_batch_ahead_and_begins_it_by_itself() -> None:
    setting = Setting()
    first, second, third = setting.submit("a", "b", "c")
    assert (setting.running, setting.ahead, setting.queue.pending) == ([["a"]], [["b"]], 2)
    setting.workers[0].answers(b"1")
    assert (setting.running, setting.ahead, setting.queue.pending) == ([["b"]], [["c"]], 1)
    setting.check_figures()
    setting.workers[0].answers(b"2")
    setting.workers[0].answers(b"3")
    assert [bytes((await job.future).body) for job in (first, second, third)] == [b"1", b"2", b"3"]
    assert (setting.running, setting.ahead) == ([[]], [[]])
    assert setting.queue.snapshot().answered == 3
    setting.check_figures()


@virtual_time
async def test_a_worker_that_takes_none_ahead_gets_none() -> None:
    setting = Setting()
    setting.workers[0].takes_ahead = False
    setting.submit("a", "b")
    assert (setting.ahead, setting.queue.pending) == ([[]], 1)
    setting.workers[0].answers(b"")
    assert setting.running == [["b"]]


@virtual_time
async def test_an_idle_worker_comes_before_a_busy_one() -> None:
    setting = Setting(workers=2)
    setting.submit("a", "b", "c", "d", "e")
    assert (setting.running, setting.ahead, setting.queue.pending) == ([["a"], ["b"]], [["c"], ["d"]], 3)


@virtual_time
async def test_a_worker_that_is_idle_sooner_takes_what_waits_at_another() -> None:
    setting = Setting(workers=2)
    setting.submit("slow", "quick", "next")
    slow, quick = setting.workers
    assert setting.ahead == [["next"], []]
    quick.answers(b"")
    assert (setting.running, setting.ahead) == ([["slow"], ["next"]], [[], []])
    setting.check_figures()
    slow.answers(b"")
    quick.answers(b"")
    assert setting.queue.snapshot().answered == 3
    setting.check_figures()


@virtual_time
async def test_a_batch_that_its_worker_has_begun_by_then_stays_there() -> None:
    setting = Setting(workers=2)
    setting.submit("a", "b", "c")
    keeper, other = setting.workers
    keeper.keeps_ahead = True
    other.answers(b"")
    assert setting.running == [["a"], []]
    assert setting.queue.in_flight == 2
    setting.check_figures()
    keeper.answers(b"")
    assert setting.running == [["c"], []]
    keeper.answers(b"")
    assert (setting.running, setting.queue.answered) == ([[], []], 3)
    setting.check_figures()


@virtual_time
async def test_a_job_does_not_wait_behind_a_slow_one_while_others_pass_by(passes: list[float]) -> None:
    setting = Setting(workers=2)
    setting.submit("slow", "a", "victim", "b", "c", "d", "e")
    _, quick = setting.workers
    assert setting.ahead == [["victim"], ["b"]]
    passes[0] = PATIENCE * 0.9
    quick.answers(b"")
    assert setting.ahead == [["victim"], ["c"]], "it has not waited for long"
    passes[0] = PATIENCE * 2.5
    quick.answers(b"")
    assert setting.ahead == [["victim"], ["d"]], "no longer than twice as long as what has just begun"
    passes[0] = PATIENCE * 2.6
    quick.answers(b"")
    assert (setting.running, setting.ahead) == ([["slow"], ["d"]], [[], ["victim"]])
    setting.check_figures()


@virtual_time
async def test_a_worker_that_was_too_slow_has_none_ahead_until_it_has_answered(passes: list[float]) -> None:
    setting = Setting(workers=2)
    setting.submit("slow", "a", "victim", "b", "c")
    slow, quick = setting.workers
    passes[0] = PATIENCE * 2
    quick.answers(b"")
    passes[0] = PATIENCE * 2.1
    quick.answers(b"")
    setting.submit("d", "e")
    assert (setting.running, setting.ahead) == ([["slow"], ["c"]], [[], ["victim"]])
    slow.answers(b"")
    assert setting.running == [["victim"], ["c"]], "the oldest of those that wait comes first"
    setting.check_figures()


@virtual_time
async def test_what_waits_at_a_worker_that_dies_is_not_lost() -> None:
    setting = Setting(workers=2)
    first, *_ = setting.submit("a", "b", "c")
    dead, other = setting.workers
    setting.drop(dead)
    dead.dies()
    with pytest.raises(PredictionError, match="died"):
        await first.future
    other.answers(b"")
    assert setting.running[1] == ["c"]
    other.answers(b"")
    assert (setting.queue.answered, setting.queue.failed) == (2, 1)
    setting.check_figures()


@virtual_time
async def test_what_a_dying_worker_had_begun_fails_with_it() -> None:
    setting = Setting()
    setting.submit("a", "b")
    (dead,) = setting.workers
    dead.keeps_ahead = True
    setting.drop(dead)
    dead.dies()
    dead.dies()
    assert (setting.queue.failed, setting.queue.in_flight) == (2, 0)
    setting.check_figures()


@virtual_time
async def test_a_worker_that_retires_goes_after_the_batch_that_it_has_begun() -> None:
    setting = Setting(workers=2)
    setting.submit("a", "b", "c", "d")
    leaving, staying = setting.workers
    gone = setting.retire(leaving)
    assert (leaving.ahead, staying.ahead) == ([], ["d"])
    leaving.answers(b"")
    assert gone.is_set()
    staying.answers(b"")
    staying.answers(b"")
    staying.answers(b"")
    assert (leaving.sent, staying.sent) == ([["a"]], [["b"], ["d"], ["c"]])
    setting.check_figures()


@virtual_time
async def test_the_last_worker_retires_when_nothing_waits_any_more() -> None:
    setting = Setting()
    setting.submit("a", "b", "c")
    (worker,) = setting.workers
    gone = setting.retire(worker)
    assert worker.ahead == []
    worker.answers(b"")
    worker.answers(b"")
    assert not gone.is_set()
    worker.answers(b"")
    assert gone.is_set()
    assert worker.sent == [["a"], ["b"], ["c"]]


@virtual_time
async def test_only_full_batches_go_ahead() -> None:
    setting = Setting(batch_size=2)
    setting.submit("a", "b", "c")
    assert (setting.running, setting.ahead) == ([["a", "b"]], [[]])
    setting.submit("d")
    assert setting.ahead == [["c", "d"]]


@virtual_time
async def test_a_large_batch_waits_in_the_queue() -> None:
    setting = Setting()
    setting.submit("a")
    setting.submit("large", size=LARGEST + 1)
    setting.submit("small")
    assert (setting.ahead, setting.queue.pending) == ([[]], 2)
    setting.workers[0].answers(b"")
    assert (setting.running, setting.ahead) == ([["large"]], [["small"]])
    setting.check_figures()


@virtual_time
async def test_what_waits_at_a_worker_counts_for_the_capacity() -> None:
    setting = Setting(capacity=2)
    *_, ahead, _ = setting.submit("running", "ahead", "waiting")
    assert "full" in setting.queue.submit(Job("one too many", {}, []))
    ahead.future.cancel()
    setting.submit("in its place")
    assert "full" in setting.queue.submit(Job("one too many", {}, []))
    for _ in range(4):
        setting.workers[0].answers(b"")
    setting.check_figures()


@virtual_time
async def test_a_job_that_no_frame_can_hold_fails_and_leaves_its_place() -> None:
    setting = Setting()
    setting.submit("a")
    bad = Job("bad", {UNSENDABLE: ""}, [])
    setting.queue.submit(bad)
    with pytest.raises(PredictionError, match="cannot be passed on to the handler"):
        await bad.future
    setting.submit("b")
    assert setting.ahead == [["b"]]
    setting.check_figures()


@virtual_time
async def test_what_waits_at_a_worker_is_handed_over_too() -> None:
    setting, other = Setting(), Setting()
    setting.submit("a", "b", "c")
    setting.queue.hand_over(lambda job: not other.queue.submit(job))
    assert (setting.running, setting.ahead, setting.queue.pending) == ([["a"]], [[]], 0)
    assert (other.running, other.ahead) == ([["b"]], [["c"]])
    setting.check_figures()
    other.check_figures()


@virtual_time
async def test_what_waits_at_a_worker_fails_with_the_rest() -> None:
    setting = Setting()
    _, ahead, waiting = setting.submit("a", "b", "c")
    setting.queue.fail_waiting(503, "stopped")
    for job in (ahead, waiting):
        with pytest.raises(PredictionError, match="stopped"):
            await job.future
    setting.workers[0].answers(b"")
    assert setting.running == [[]]
    setting.check_figures()
