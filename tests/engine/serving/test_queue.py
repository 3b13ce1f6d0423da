from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from engine.errors import PredictionError
from engine.runtime.frames import FrameError
from engine.serving.jobs import Input, Job
from engine.serving.queue import LOOK_AGAIN, JobQueue
from tests.support.fakes_workers import UNSENDABLE, FakeChannel
from tests.support.loops import now, turn, virtual_time

if TYPE_CHECKING:
    from engine.workers.channel import Channel


class Setting:
    """A queue, and short ways to use it."""

    def __init__(self, batch_size: int = 1, delay: float = 0.1, capacity: int = 100) -> None:
        self.queue = JobQueue(batch_size, delay, capacity)
        self.queue.expect(1)

    def worker(self) -> FakeChannel:
        """Let another worker serve."""
        channel = FakeChannel()
        self.queue.serve(cast("Channel", channel))
        return channel

    def retire(self, channel: FakeChannel) -> asyncio.Event:
        """Retire a worker; the event says that it has been let go."""
        gone = asyncio.Event()
        self.queue.retire(cast("Channel", channel), gone.set)
        return gone

    def drop(self, channel: FakeChannel) -> None:
        self.queue.drop(cast("Channel", channel))

    def submit(self, *names: str) -> list[Job]:
        """Submit a job for each name; a job's one input is its name, and one called ALONE goes alone."""
        jobs = [Job(name, {}, [Input("body", "", name.encode())], alone=name == ALONE) for name in names]
        for job in jobs:
            self.queue.submit(job)
        return jobs

    def check_figures(self) -> None:
        """Every job accepted is in exactly one place."""
        figures = self.queue.snapshot()
        assert figures.accepted == figures.pending + figures.in_flight + figures.answered + figures.failed
        assert min(figures.pending, figures.in_flight) >= 0


async def body_of(job: Job) -> bytes:
    return bytes((await job.future).body)


# Jobs that go alone

ALONE = "describe"


@virtual_time
async def test_a_job_that_goes_alone_shares_no_batch() -> None:
    setting = Setting(batch_size=4)
    setting.submit("a", ALONE, "b", "c")
    worker = setting.worker()
    for _ in range(3):
        await asyncio.sleep(1)
        worker.answers_all()
    assert worker.sent == [["a"], [ALONE], ["b", "c"]]
    setting.check_figures()


@virtual_time
async def test_two_jobs_that_go_alone_do_not_share_one_either() -> None:
    setting = Setting(batch_size=4)
    setting.submit(ALONE, ALONE)
    worker = setting.worker()
    worker.answers_all()
    assert worker.sent == [[ALONE], [ALONE]]


@virtual_time
async def test_a_job_that_goes_alone_waits_for_no_company() -> None:
    setting = Setting(batch_size=4, delay=0.5)
    worker = setting.worker()
    setting.submit(ALONE)
    assert worker.sent == [[ALONE]]


@virtual_time
async def test_a_batch_that_gathers_goes_when_a_job_that_goes_alone_comes() -> None:
    setting = Setting(batch_size=4, delay=0.5)
    worker = setting.worker()
    setting.submit("a")
    setting.submit(ALONE)
    assert worker.sent == [["a"]]
    worker.answers_all()
    assert worker.sent == [["a"], [ALONE]]
    assert now() == 0


@virtual_time
async def test_a_job_that_goes_alone_gets_another_idle_worker_at_once() -> None:
    setting = Setting(batch_size=4, delay=0.5)
    worker, other = setting.worker(), setting.worker()
    setting.submit("a", ALONE)
    assert (worker.sent, other.sent) == ([["a"]], [[ALONE]])


@virtual_time
async def test_a_job_that_goes_alone_and_whose_caller_has_gone_is_not_run() -> None:
    setting = Setting(batch_size=4)
    gone, _ = setting.submit(ALONE, "a")
    gone.future.cancel()
    worker = setting.worker()
    await asyncio.sleep(1)
    assert worker.sent == [["a"]]
    worker.answers_all()
    setting.check_figures()


# Batches


@virtual_time
async def test_a_job_goes_to_an_idle_worker_at_once() -> None:
    setting = Setting()
    worker = setting.worker()
    (job,) = setting.submit("a")
    assert (worker.sent, worker.bodies) == ([["a"]], [[b"a"]])
    worker.answers(b"result")
    assert await body_of(job) == b"result"
    assert now() == 0


@virtual_time
async def test_a_full_batch_goes_without_a_wait() -> None:
    setting = Setting(batch_size=4)
    worker = setting.worker()
    setting.submit("a", "b", "c", "d")
    assert worker.sent == [["a", "b", "c", "d"]]


@virtual_time
async def test_a_lone_request_waits_for_company_as_long_as_the_delay() -> None:
    setting = Setting(batch_size=4, delay=0.5)
    worker = setting.worker()
    setting.submit("a")
    await asyncio.sleep(0.499)
    assert worker.sent == []
    await asyncio.sleep(0.002)
    assert worker.sent == [["a"]]


@virtual_time
async def test_the_wait_is_measured_from_the_first_job() -> None:
    setting = Setting(batch_size=4, delay=0.5)
    worker = setting.worker()
    setting.submit("a")
    await asyncio.sleep(0.4)
    setting.submit("b")
    await asyncio.sleep(0.101)
    assert worker.sent == [["a", "b"]]


@virtual_time
async def test_a_batch_that_fills_while_it_waits_goes_at_once() -> None:
    setting = Setting(batch_size=2, delay=0.5)
    worker = setting.worker()
    setting.submit("a")
    await asyncio.sleep(0.1)
    setting.submit("b", "c")
    assert worker.sent == [["a", "b"]]


@virtual_time
async def test_the_fifth_of_four_waits_for_the_delay_by_itself() -> None:
    setting = Setting(batch_size=4, delay=0.5)
    worker = setting.worker()
    setting.submit("a", "b", "c", "d", "e")
    await asyncio.sleep(1)
    worker.answers_all()
    assert worker.sent == [["a", "b", "c", "d"]]
    await asyncio.sleep(0.501)
    assert worker.sent[1:] == [["e"]]


@virtual_time
async def test_without_a_delay_a_worker_takes_what_is_there() -> None:
    setting = Setting(batch_size=4, delay=0)
    worker = setting.worker()
    setting.submit("a")
    setting.submit("b", "c")
    worker.answers_all()
    assert worker.sent == [["a"], ["b", "c"]]


@virtual_time
async def test_jobs_run_in_the_order_of_their_arrival() -> None:
    setting = Setting(batch_size=2, delay=0)
    jobs = setting.submit("a", "b", "c", "d", "e")
    worker = setting.worker()
    while worker.busy:
        worker.answers_all()
    assert worker.sent == [["a", "b"], ["c", "d"], ["e"]]
    assert [await body_of(job) for job in jobs] == [b"a", b"b", b"c", b"d", b"e"]


@virtual_time
async def test_what_gathered_is_dealt_among_all_idle_workers_at_the_end_of_one_wait() -> None:
    setting = Setting(batch_size=4, delay=0.5)
    first, second, third = setting.worker(), setting.worker(), setting.worker()
    setting.submit("a", "b")
    await asyncio.sleep(0.499)
    assert (first.sent, second.sent) == ([], [])
    await asyncio.sleep(0.002)
    assert (first.sent, second.sent, third.sent) == ([["a"]], [["b"]], [])


@virtual_time
async def test_a_full_batch_leaves_no_idle_worker_without_work() -> None:
    setting = Setting(batch_size=4, delay=0.5)
    workers = [setting.worker(), setting.worker()]
    setting.submit("a", "b", "c", "d")
    assert [worker.sent for worker in workers] == [[["a", "b"]], [["c", "d"]]]
    setting.submit("e", "f", "g", "h", "i")
    workers[0].answers_all()
    assert workers[0].sent[1:] == [["e", "f", "g", "h"]]


@pytest.mark.parametrize("delay", [0, 0.5])
def test_a_backlog_is_dealt_in_batches_among_the_idle_workers(delay: float) -> None:
    @virtual_time
    async def scenario() -> None:
        setting = Setting(batch_size=4, delay=delay)
        setting.submit(*"abcdefg")
        first = setting.worker()
        assert first.sent == [["a", "b", "c", "d"]]
        second = setting.worker()
        await asyncio.sleep(delay)
        assert second.sent == [["e", "f", "g"]]

    scenario()


@virtual_time
async def test_a_batch_whose_worker_is_lost_while_it_gathers_goes_to_another() -> None:
    setting = Setting(batch_size=3, delay=0.5)
    first = setting.worker()
    setting.submit("a")
    setting.drop(first)
    await asyncio.sleep(1)
    second = setting.worker()
    await asyncio.sleep(0.501)
    assert (first.sent, second.sent) == ([], [["a"]])


# Callers that have gone, and capacity


@virtual_time
async def test_a_job_whose_caller_has_gone_is_not_run() -> None:
    setting = Setting()
    gone, stays = setting.submit("gone", "stays")
    gone.future.cancel()
    worker = setting.worker()
    assert worker.sent == [["stays"]]
    worker.answers_all()
    assert await body_of(stays) == b"stays"
    setting.check_figures()


@virtual_time
async def test_an_answer_for_a_caller_that_has_gone_is_dropped() -> None:
    setting = Setting(batch_size=2)
    worker = setting.worker()
    gone, stays = setting.submit("gone", "stays")
    gone.future.cancel()
    worker.answers_all()
    assert await body_of(stays) == b"stays"
    setting.check_figures()


@virtual_time
async def test_a_queue_is_full_at_its_capacity() -> None:
    setting = Setting(capacity=2)
    worker = setting.worker()
    setting.submit("running", "a", "b")
    assert "queue is full: 2 requests wait" in setting.queue.submit(Job("c", {}, []))
    worker.answers_all()
    assert setting.queue.submit(Job("d", {}, [])) == ""
    setting.check_figures()


@virtual_time
async def test_a_queue_without_workers_takes_no_job_and_tells_why() -> None:
    setting = Setting()
    setting.queue.expect(0)
    assert "no workers" in setting.queue.submit(Job("a", {}, []))
    setting.check_figures()


@virtual_time
async def test_a_full_queue_gives_the_place_of_a_caller_that_has_gone_to_the_next() -> None:
    setting = Setting(capacity=2)
    worker = setting.worker()
    _, gone, _ = setting.submit("running", "gone", "stays")
    gone.future.cancel()
    assert setting.queue.snapshot().pending == 1
    assert setting.queue.submit(Job("new", {}, [])) == ""
    for _ in range(3):
        worker.answers_all()
    assert worker.sent == [["running"], ["stays"], ["new"]]
    setting.check_figures()


@virtual_time
async def test_a_full_queue_is_not_looked_through_for_every_refusal() -> None:
    setting = Setting(capacity=1)
    setting.worker()
    _, gone = setting.submit("running", "gone")
    assert setting.queue.submit(Job("refused", {}, [])) != ""
    gone.future.cancel()
    assert setting.queue.submit(Job("refused", {}, [])) != ""
    await asyncio.sleep(LOOK_AGAIN)
    assert setting.queue.submit(Job("new", {}, [])) == ""


@virtual_time
async def test_with_tickets_only_an_idle_worker_lets_a_job_in() -> None:
    queue = JobQueue(1, 0.1, 100, tickets=True)
    queue.expect(1)
    assert "useJobTicket" in queue.submit(Job("early", {}, []))
    worker = FakeChannel()
    queue.serve(cast("Channel", worker))
    assert queue.submit(Job("a", {}, [])) == ""
    assert "useJobTicket" in queue.submit(Job("b", {}, []))
    worker.answers_all()
    assert queue.submit(Job("c", {}, [])) == ""
    assert worker.sent == [["a"], ["c"]]


@virtual_time
async def test_with_tickets_a_worker_that_gathers_takes_a_whole_batch() -> None:
    queue = JobQueue(2, 0.1, 100, tickets=True)
    queue.expect(1)
    worker = FakeChannel()
    queue.serve(cast("Channel", worker))
    assert [queue.submit(Job(name, {}, [])) == "" for name in "abc"] == [True, True, False]
    assert worker.sent == [["a", "b"]]


# Workers that go


@virtual_time
async def test_an_idle_worker_retires_at_once() -> None:
    setting = Setting()
    assert setting.retire(setting.worker()).is_set()


@virtual_time
async def test_a_busy_worker_retires_after_its_batch() -> None:
    setting = Setting()
    worker, other = setting.worker(), setting.worker()
    setting.submit("a", "b", "c")
    gone = setting.retire(worker)
    assert not gone.is_set()
    worker.answers_all()
    assert gone.is_set()
    assert worker.sent == [["a"]]
    other.answers_all()
    assert other.sent == [["b"], ["c"]]


@virtual_time
async def test_the_last_worker_finishes_what_waits_before_it_retires() -> None:
    setting = Setting()
    worker = setting.worker()
    setting.submit("a", "b")
    gone = setting.retire(worker)
    setting.queue.expect(0)
    worker.answers_all()
    assert not gone.is_set()
    worker.answers_all()
    assert gone.is_set()
    assert worker.sent == [["a"], ["b"]]


@virtual_time
async def test_a_new_worker_sets_the_last_one_free() -> None:
    setting = Setting(batch_size=2, delay=10)
    worker = setting.worker()
    setting.submit("a")
    gone = setting.retire(worker)
    assert not gone.is_set()
    setting.worker()
    assert gone.is_set()


@virtual_time
async def test_workers_that_retire_together_share_what_waits() -> None:
    setting = Setting()
    first, second = setting.worker(), setting.worker()
    setting.submit("a", "b", "c")
    gone = [setting.retire(first), setting.retire(second)]
    first.answers_all()
    second.answers_all()
    assert [event.is_set() for event in gone] == [False, True]
    first.answers_all()
    assert gone[0].is_set()


@virtual_time
async def test_an_idle_worker_goes_when_another_takes_the_last_job() -> None:
    setting = Setting(batch_size=2, delay=1)
    first, second = setting.worker(), setting.worker()
    setting.submit("a", "b", "c")
    gone = [setting.retire(first), setting.retire(second)]
    first.answers_all()
    second.answers_all()
    assert [event.is_set() for event in gone] == [False, False]
    await asyncio.sleep(1.001)
    assert first.sent[1:] == [["c"]]
    assert [event.is_set() for event in gone] == [False, True]
    first.answers_all()
    assert gone[0].is_set()


@virtual_time
async def test_a_retired_worker_goes_when_the_one_that_gathered_dies_with_the_last_job() -> None:
    setting = Setting(batch_size=2, delay=1)
    first, second = setting.worker(), setting.worker()
    (a, *_) = setting.submit("a", "b", "c")
    gone = [setting.retire(first), setting.retire(second)]
    setting.drop(first)
    first.dies()
    second.answers_all()
    assert not gone[1].is_set()
    await asyncio.sleep(1.001)
    assert second.sent[1:] == [["c"]]
    second.answers_all()
    assert gone[1].is_set()
    with pytest.raises(PredictionError):
        await a.future


@virtual_time
async def test_the_last_worker_goes_when_the_caller_it_waited_for_has_gone() -> None:
    setting = Setting(batch_size=2, delay=1)
    worker = setting.worker()
    (job,) = setting.submit("a")
    gone = setting.retire(worker)
    job.future.cancel()
    await asyncio.sleep(1.001)
    assert gone.is_set()
    setting.check_figures()


@virtual_time
async def test_a_worker_that_was_dropped_retires_without_waiting_for_jobs() -> None:
    setting = Setting()
    dropped, busy = setting.worker(), setting.worker()
    setting.drop(dropped)
    setting.submit("a", "b")
    assert setting.retire(dropped).is_set()
    assert busy.sent == [["a"]]


@virtual_time
async def test_dropping_a_worker_fails_nothing_by_itself() -> None:
    setting = Setting()
    worker = setting.worker()
    running, waiting = setting.submit("a", "b")
    setting.drop(worker)
    await turn()
    assert not running.future.done()
    assert not waiting.future.done()


@virtual_time
async def test_a_dropped_worker_is_never_let_go_as_retired() -> None:
    setting = Setting()
    worker = setting.worker()
    (job,) = setting.submit("a")
    gone = setting.retire(worker)
    setting.drop(worker)
    worker.dies()
    assert not gone.is_set()
    with pytest.raises(PredictionError):
        await job.future


@virtual_time
async def test_with_no_worker_to_come_what_waits_fails() -> None:
    setting = Setting()
    (job,) = setting.submit("a")
    setting.queue.expect(0)
    with pytest.raises(PredictionError, match="stopped") as failure:
        await job.future
    assert failure.value.status == 503
    setting.check_figures()


# Answers


@virtual_time
async def test_each_job_gets_its_own_part_of_the_answer() -> None:
    setting = Setting(batch_size=3)
    worker = setting.worker()
    jobs = setting.submit("a", "b", "c")
    worker.answers(b"one", b"", b"three")
    assert [await body_of(job) for job in jobs] == [b"one", b"", b"three"]


@virtual_time
async def test_a_failed_batch_fails_every_job_and_the_worker_goes_on() -> None:
    setting = Setting(batch_size=2)
    worker = setting.worker()
    jobs = setting.submit("a", "b")
    worker.fails(503, "Prediction failed")
    for job in jobs:
        with pytest.raises(PredictionError, match="Prediction failed") as failure:
            await job.future
        assert failure.value.status == 503
    setting.submit("c", "d")
    assert worker.sent[1:] == [["c", "d"]]
    setting.check_figures()


@pytest.mark.parametrize("answers", [[], [b"a"], [b"a", b"b", b"c"]])
@virtual_time
async def test_a_wrong_number_of_answers_fails_the_batch(answers: list[bytes]) -> None:
    setting = Setting(batch_size=2)
    worker = setting.worker()
    jobs = setting.submit("a", "b")
    with pytest.raises(FrameError, match=f"{len(answers)} answers"):
        worker.answers(*answers)
    for job in jobs:
        with pytest.raises(PredictionError, match=r"Worker died\."):
            await job.future
    setting.check_figures()


@virtual_time
async def test_lengths_that_do_not_fit_the_body_fail_the_batch() -> None:
    setting = Setting()
    worker = setting.worker()
    (job,) = setting.submit("a")
    assert worker.listener is not None
    with pytest.raises(FrameError):
        worker.listener.done([(5, 0, "", {})], memoryview(b"four"))
    with pytest.raises(PredictionError):
        await job.future


@virtual_time
async def test_a_batch_fails_once_though_its_worker_dies_of_it_as_well() -> None:
    setting = Setting(batch_size=2)
    worker = setting.worker()
    jobs = setting.submit("a", "b")
    with pytest.raises(FrameError):
        worker.gives(b"only one")
    worker.dies()
    assert (setting.queue.failed, setting.queue.in_flight) == (2, 0)
    for job in jobs:
        with pytest.raises(PredictionError):
            await job.future


@virtual_time
async def test_an_answer_in_pieces_is_streamed() -> None:
    setting = Setting()
    worker = setting.worker()
    (job,) = setting.submit("a")
    worker.gives(b"one")
    reply = await job.future
    assert bytes(reply.body) == b"one"
    assert reply.stream is not None
    worker.gives(b"two")
    assert (setting.queue.answered, setting.queue.in_flight) == (0, 1)
    worker.answers(b"three")
    assert [piece async for piece in reply.stream] == [b"two", b"three"]
    setting.check_figures()


@virtual_time
async def test_a_failure_on_the_way_ends_the_stream() -> None:
    setting = Setting()
    worker = setting.worker()
    (job,) = setting.submit("a")
    worker.gives(b"one")
    stream = (await job.future).stream
    worker.dies()
    assert stream is not None
    with pytest.raises(PredictionError, match=r"Worker died\."):
        await anext(stream)


@virtual_time
async def test_the_figures_add_up_at_every_moment() -> None:
    setting = Setting(batch_size=2, delay=0)
    worker, other = setting.worker(), setting.worker()
    jobs = setting.submit("a", "b", "c", "d", "e")
    setting.check_figures()
    worker.fails(500, "no")
    setting.check_figures()
    jobs[4].future.cancel()
    other.answers_all()
    worker.answers_all()
    setting.check_figures()
    figures = setting.queue.snapshot()
    assert (figures.accepted, figures.pending, figures.in_flight) == (5, 0, 0)
    await asyncio.gather(*(job.future for job in jobs), return_exceptions=True)


@virtual_time
async def test_a_job_that_no_frame_can_hold_fails_and_the_worker_stays() -> None:
    setting = Setting()
    worker = setting.worker()
    bad = Job("bad", {UNSENDABLE: ""}, [])
    setting.queue.submit(bad)
    with pytest.raises(PredictionError, match="cannot be passed on to the handler"):
        await bad.future
    [good] = setting.submit("good")
    worker.answers(b"fine")
    assert await body_of(good) == b"fine"
    setting.check_figures()


# A version that goes hands over what waits


@virtual_time
async def test_jobs_that_wait_can_be_handed_over() -> None:
    setting, other = Setting(), Setting()
    gone, wanted, kept = setting.submit("gone", "wanted", "kept")
    gone.future.cancel()
    setting.queue.hand_over(lambda job: job is not kept and not other.queue.submit(job))
    assert (setting.queue.pending, other.queue.pending) == (1, 1)
    setting.check_figures()
    other.check_figures()
    other.worker().answers(b"from the other")
    assert await body_of(wanted) == b"from the other"
    setting.queue.expect(0)
    with pytest.raises(PredictionError):
        await kept.future
    setting.check_figures()


@virtual_time
async def test_a_worker_that_stayed_for_the_jobs_that_are_handed_over_may_go() -> None:
    setting = Setting()
    worker = setting.worker()
    setting.submit("with the worker", "waiting")
    gone = setting.retire(worker)
    worker.answers(b"")
    assert not gone.is_set()
    setting.submit("waiting as well")
    setting.queue.hand_over(lambda _job: True)
    worker.answers(b"")
    assert gone.is_set()
    setting.check_figures()


@virtual_time
async def test_a_worker_that_gathers_a_batch_finds_it_handed_over() -> None:
    setting = Setting(batch_size=4)
    setting.worker()
    setting.submit("one of a batch")
    setting.queue.hand_over(lambda _job: True)
    await asyncio.sleep(1)
    assert (setting.queue.pending, setting.queue.in_flight, setting.queue.accepted) == (0, 0, 0)
    setting.submit("next")
    await asyncio.sleep(1)
    assert setting.queue.in_flight == 1
