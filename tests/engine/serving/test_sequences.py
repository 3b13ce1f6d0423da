"""Sequence batching, with channels that answer when the test says so."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PredictionError, UnavailableError
from engine.serving.jobs import Input, Job
from engine.serving.sequences import SEQUENCE_END, SEQUENCE_ID, SEQUENCE_START, SequenceQueue
from engine.snapshots import Batching
from tests.support.fakes_workers import UNSENDABLE, FakeChannel
from tests.support.loops import VirtualTimeLoop, now, stand_still, turn, virtual_time

if TYPE_CHECKING:
    from engine.workers.channel import Channel

STAYS, ENDS = {"ts_stream_next": "true"}, {"ts_stream_next": "false"}
DESCRIBE = "?"


class Setting:
    """A queue, and short ways to use it. A job "a1" is the first of the sequence "a"."""

    def __init__(self, batch_size: int = 4, delay: float = 0, **rules: Any) -> None:
        limits = {"sequence_max_idle": 1000, "max_sequences": 10, "max_sequence_jobs": 5, **rules}
        self.queue = SequenceQueue(batch_size, delay, 100, Batching(sequences=True, **limits))
        self.queue.expect(1)
        self.jobs: list[Job] = []

    def worker(self) -> FakeChannel:
        channel = FakeChannel()
        self.queue.serve(cast("Channel", channel))
        return channel

    def retire(self, channel: FakeChannel) -> list[bool]:
        gone: list[bool] = []
        self.queue.retire(cast("Channel", channel), lambda: gone.append(True))
        return gone

    def kill(self, channel: FakeChannel) -> None:
        self.queue.drop(cast("Channel", channel))
        if channel.busy:
            channel.dies()

    def offer(self, name: str, **headers: str) -> str:
        """Submit a job and return why it is refused."""
        own = {SEQUENCE_ID: name[0], **headers}
        job = Job(name, own, [Input("body", "", b"")], alone=name == DESCRIBE)
        refusal = self.queue.submit(job)
        if not refusal:
            self.jobs.append(job)
        return refusal

    def submit(self, *names: str) -> list[Job]:
        assert [self.offer(name) for name in names] == [""] * len(names)
        return self.jobs[-len(names) :]

    def check_figures(self) -> None:
        figures = self.queue.snapshot()
        assert figures.accepted == figures.pending + figures.in_flight + figures.answered + figures.failed
        assert min(figures.pending, figures.in_flight) >= 0


# Order and batches


@virtual_time
async def test_new_sequences_that_gathered_are_dealt_among_all_idle_workers() -> None:
    setting = Setting(batch_size=4, delay=0.5)
    workers = [setting.worker(), setting.worker(), setting.worker()]
    setting.submit("a1", "b1")
    await asyncio.sleep(0.501)
    assert [worker.sent for worker in workers] == [[["a1"]], [["b1"]], []]
    setting.submit("c1", "d1", "e1", "f1")
    await asyncio.sleep(0.501)
    assert workers[2].sent == [["c1", "d1", "e1", "f1"]]


@virtual_time
async def test_a_batch_holds_one_job_of_each_sequence_in_their_order() -> None:
    setting = Setting()
    setting.submit("a1", "a2", "b1", "a3", "c1")
    worker = setting.worker()
    while worker.busy:
        worker.answers_all()
    assert worker.sent == [["a1", "b1", "c1"], ["a2"], ["a3"]]
    await turn()
    setting.check_figures()


@virtual_time
async def test_sequences_take_turns_when_a_batch_is_full() -> None:
    setting = Setting(batch_size=1)
    setting.submit("a1", "a2", "b1")
    worker = setting.worker()
    while worker.busy:
        worker.answers_all()
    assert worker.sent == [["a1"], ["b1"], ["a2"]]


@virtual_time
async def test_a_lone_sequence_waits_for_company_as_long_as_the_delay() -> None:
    setting = Setting(batch_size=2, delay=0.5)
    worker = setting.worker()
    setting.submit("a1", "a2")
    await asyncio.sleep(0.499)
    assert worker.sent == []
    await asyncio.sleep(0.002)
    assert worker.sent == [["a1"]]
    worker.answers_all()
    setting.submit("b1")
    assert worker.sent[1:] == [["a2", "b1"]]


@virtual_time
async def test_a_sequence_keeps_to_its_worker_though_another_is_idle() -> None:
    setting = Setting()
    first, second = setting.worker(), setting.worker()
    setting.submit("a1", "b1")
    first.answers_all()
    second.answers_all()
    setting.submit("a2", "b2", "b3")
    assert (first.sent, second.sent) == ([["a1"], ["a2"]], [["b1"], ["b2"]])


@virtual_time
async def test_a_new_sequence_goes_to_whichever_worker_is_free_first() -> None:
    setting = Setting(batch_size=1)
    first, second = setting.worker(), setting.worker()
    setting.submit("a1", "b1", "c1")
    second.answers_all()
    assert (first.sent, second.sent) == ([["a1"]], [["b1"], ["c1"]])


@virtual_time
async def test_a_request_without_a_sequence_begins_one_of_its_own() -> None:
    setting = Setting()
    worker = setting.worker()
    job = Job("id", {"h": "1"}, [])
    assert setting.queue.submit(job) == ""
    headers = job.meta["headers"]
    assert (headers["h"], headers[SEQUENCE_START]) == ("1", "true")
    assert headers[SEQUENCE_ID].startswith("ts-seq-")
    assert worker.sent == [["id"]]


@virtual_time
async def test_a_description_goes_alone_and_belongs_to_no_sequence() -> None:
    setting = Setting(max_sequences=1)
    setting.submit("a1")
    setting.submit(DESCRIBE)
    worker = setting.worker()
    worker.answers_all()
    assert worker.sent == [["a1"], [DESCRIBE]]


@virtual_time
async def test_a_job_whose_caller_has_gone_is_not_run_and_gives_its_place_back() -> None:
    setting = Setting(max_sequence_jobs=1)
    worker = setting.worker()
    _, gone = setting.submit("a1", "a2")
    gone.future.cancel()
    await turn()
    setting.submit("a3")
    worker.answers_all()
    assert worker.sent == [["a1"], ["a3"]]
    setting.check_figures()


@virtual_time
async def test_a_job_that_no_frame_can_hold_fails_and_the_sequence_goes_on() -> None:
    setting = Setting()
    worker = setting.worker()
    assert setting.offer("a1", **{UNSENDABLE: ""}) == ""
    setting.submit("a2")
    with pytest.raises(PredictionError, match="cannot be passed on"):
        await setting.jobs[0].future
    await turn()
    assert worker.sent == [["a2"]]


# Limits


@virtual_time
async def test_a_sequence_takes_as_many_jobs_as_may_wait_in_it() -> None:
    setting = Setting(max_sequence_jobs=2)
    setting.worker()
    setting.submit("a1", "a2", "a3")
    assert "maxSequenceJobQueueSize" in setting.offer("a4")


@virtual_time
async def test_more_sequences_than_may_be_open_are_refused_until_one_has_been_idle_too_long() -> None:
    setting = Setting(max_sequences=1, sequence_max_idle=500)
    worker = setting.worker()
    setting.submit("a1")
    assert "maxNumSequence" in setting.offer("b1")
    await asyncio.sleep(10)
    assert "maxNumSequence" in setting.offer("b1"), "a job that runs keeps its sequence open"
    worker.answers_all()
    await asyncio.sleep(0.5)
    assert "maxNumSequence" in setting.offer("b1")
    await asyncio.sleep(0.01)
    assert setting.offer("b1") == ""


@virtual_time
async def test_a_sequence_that_was_idle_too_long_is_refused_once_and_then_begins_anew() -> None:
    setting = Setting(batch_size=1, sequence_max_idle=500)
    first, second = setting.worker(), setting.worker()
    setting.submit("a1", "b1")
    first.answers_all()
    second.answers_all()
    await asyncio.sleep(1)
    assert "expired" in setting.offer("a2")
    [_, again] = setting.submit("c1", "a2")
    assert (first.sent, second.sent) == ([["a1"], ["c1"]], [["b1"], ["a2"]])
    assert again.meta["headers"][SEQUENCE_START] == "true", "the handler begins without the state of the old sequence"


@virtual_time
async def test_a_client_that_starts_an_expired_sequence_itself_is_not_refused() -> None:
    setting = Setting(sequence_max_idle=500)
    worker = setting.worker()
    setting.submit("a1")
    worker.answers_all()
    await asyncio.sleep(1)
    assert setting.offer("a2", **{SEQUENCE_START: "true"}) == ""
    assert worker.sent == [["a1"], ["a2"]]


@virtual_time
async def test_an_expired_sequence_that_made_room_for_another_is_refused_too() -> None:
    setting = Setting(sequence_max_idle=500, max_sequences=1)
    worker = setting.worker()
    setting.submit("a1")
    worker.answers_all()
    await asyncio.sleep(1)
    setting.submit("b1")
    worker.answers_all()
    await asyncio.sleep(1)
    assert "expired" in setting.offer("a2")


@virtual_time
async def test_an_id_that_the_queue_made_is_never_opened_again() -> None:
    setting = Setting(sequence_max_idle=500)
    worker = setting.worker()
    job = Job("id", {}, [])
    assert setting.queue.submit(job) == ""
    worker.answers_all()
    await asyncio.sleep(1)
    own = {SEQUENCE_ID: job.meta["headers"][SEQUENCE_ID]}
    assert ["expired" in setting.queue.submit(Job("later", dict(own), [])) for _ in range(2)] == [True, True]


@virtual_time
async def test_a_sequence_that_is_too_old_takes_no_more_and_begins_anew_once_it_is_done() -> None:
    setting = Setting(sequence_max_idle=10_000, sequence_timeout=1000)
    worker = setting.worker()
    setting.submit("a1")
    await asyncio.sleep(1.001)
    assert "sequenceTimeoutMSec" in setting.offer("a2")
    worker.answers_all()
    assert "expired" in setting.offer("a2")
    assert setting.offer("a2") == ""


@virtual_time
async def test_without_workers_nothing_is_taken_and_what_waits_fails() -> None:
    setting = Setting()
    [job] = setting.submit("a1")
    setting.queue.expect(0)
    with pytest.raises(PredictionError, match="stopped"):
        await job.future
    assert "no workers" in setting.offer("a2")
    setting.check_figures()


@virtual_time
async def test_a_request_that_arrived_during_a_standstill_goes_on_with_its_sequence() -> None:
    setting = Setting(sequence_max_idle=1000, max_sequences=2)
    first, second = setting.worker(), setting.worker()
    setting.submit("a1", "b1")
    first.answers_all()
    second.answers_all()
    await stand_still(60)
    assert "2 sequences are open" in setting.offer("c1")
    setting.submit("b2")
    assert (first.sent, second.sent) == ([["a1"]], [["b1"], ["b2"]])
    second.answers_all()
    await asyncio.sleep(12)
    assert setting.offer("c1") == ""


@virtual_time
async def test_jobs_wait_for_workers_that_cannot_load_only_if_their_own_timeout_reaches_to_the_next_attempt() -> None:
    setting = Setting()
    hasty, patient = setting.submit("a1", "b1")
    patient.expire_after(60)
    setting.queue.expect(0, "no torch", now() + 30)
    with pytest.raises(UnavailableError) as refused:
        await hasty.future
    assert refused.value.reason == setting.offer("c1") == "no torch"
    assert not patient.future.done()
    setting.queue.expect(1)
    worker = setting.worker()
    worker.answers_all()
    assert (await patient.future).status == 0
    setting.check_figures()


@virtual_time
async def test_with_tickets_only_an_idle_worker_lets_a_job_in() -> None:
    setting = Setting(job_tickets=True)
    assert "useJobTicket" in setting.offer("a1")
    worker = setting.worker()
    setting.submit("a1")
    assert "useJobTicket" in setting.offer("a2")
    worker.answers_all()
    assert setting.offer("a2") == ""


# Workers that go


@virtual_time
async def test_a_worker_that_dies_takes_its_sequences_along_and_others_go_on() -> None:
    setting = Setting()
    first, second = setting.worker(), setting.worker()
    a1, b1, a2 = setting.submit("a1", "b1", "a2")
    setting.kill(first)
    for job in (a1, a2):
        with pytest.raises(PredictionError, match=r"Worker died\."):
            await job.future
    second.answers_all()
    assert bytes((await b1.future).body) == b"b1"
    setting.submit("a3")
    assert second.sent[1:] == [["a3"]]
    setting.check_figures()


@virtual_time
async def test_a_worker_that_retires_ends_its_sequences_and_begins_none() -> None:
    setting = Setting()
    first = setting.worker()
    setting.submit("a1", "a2")
    second = setting.worker()
    gone = setting.retire(first)
    setting.submit("b1", "a3")
    for _ in range(3):
        assert gone == []
        first.answers_all()
    assert (first.sent, second.sent, gone) == ([["a1"], ["a2"], ["a3"]], [["b1"]], [True])
    second.answers_all()
    assert "expired" in setting.offer("a4"), "its state went with the first worker"
    setting.submit("a4")
    assert second.sent[1:] == [["a4"]]


@virtual_time
async def test_the_last_worker_takes_what_waits_before_it_goes() -> None:
    setting = Setting(batch_size=1)
    worker = setting.worker()
    setting.submit("a1", "b1")
    gone = setting.retire(worker)
    setting.queue.expect(0)
    worker.answers_all()
    assert gone == []
    worker.answers_all()
    assert (worker.sent, gone) == ([["a1"], ["b1"]], [True])


@virtual_time
async def test_an_idle_worker_retires_at_once() -> None:
    setting = Setting()
    worker = setting.worker()
    assert setting.retire(worker) == [True]
    assert setting.retire(worker) == [True]


# Together with continuous batching


@virtual_time
async def test_a_sequence_waits_while_its_job_stays_and_others_join_up_to_twice_the_batch() -> None:
    setting = Setting(batch_size=1, continuous=True)
    worker = setting.worker()
    setting.submit("a1", "a2", "b1", "c1")
    worker.answers_with(STAYS)
    assert worker.sent == [["a1"], ["a1", "b1"]]
    worker.answers_with(ENDS, STAYS)
    assert worker.sent[2] == ["b1", "c1"]
    worker.answers_with(ENDS, ENDS)
    assert worker.sent[3] == ["a2"]
    setting.check_figures()


@virtual_time
async def test_a_handler_closes_sequences_and_what_waits_in_them_fails() -> None:
    setting = Setting(max_sequences=2, continuous=True)
    worker = setting.worker()
    _, b1, a2 = setting.submit("a1", "b1", "a2")
    worker.answers_with({**ENDS, SEQUENCE_END: "a;b;unknown"})
    with pytest.raises(PredictionError, match="closed the sequence"):
        await a2.future
    with pytest.raises(PredictionError, match="closed the sequence"):
        await b1.future
    setting.submit("c1", "d1")
    assert now() == 0
    setting.check_figures()


# Whatever happens

STEPS = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from("abcd")),
    st.tuples(st.sampled_from(["answer", "fail", "kill", "retire", "leave"]), st.integers(0, 5)),
    st.tuples(st.sampled_from(["serve", "sleep", "describe"]), st.just(0)),
)


class Story:
    """Plays steps against a queue and checks the promises after each."""

    def __init__(self, *, continuous: bool, batch_size: int, delay: float) -> None:
        self.setting = Setting(batch_size, delay, continuous=continuous, max_sequence_jobs=3, max_sequences=3)
        self.continuous = continuous
        self.workers = [self.setting.worker()]
        self.all = list(self.workers)
        self.numbers: dict[str, int] = defaultdict(int)

    async def step(self, what: str, which: Any) -> None:
        if what == "submit":
            self.numbers[which] += 1
            self.setting.offer(f"{which}{self.numbers[which]}")
        elif what == "describe":
            self.setting.offer(DESCRIBE)
        elif what == "serve":
            self.workers.append(self.setting.worker())
            self.all.append(self.workers[-1])
        elif what == "sleep":
            await asyncio.sleep(0.6)
        elif what == "leave" and self.setting.jobs:
            self.setting.jobs[which % len(self.setting.jobs)].future.cancel()
        elif self.workers:
            self.do(what, self.workers[which % len(self.workers)], which)
        await turn(3)
        self.check()

    def do(self, what: str, worker: FakeChannel, which: int) -> None:
        if what == "kill":
            self.setting.kill(worker)
            self.workers.remove(worker)
        elif what == "retire":
            self.setting.queue.retire(cast("Channel", worker), lambda: self.gone(worker))
        elif worker.busy and what == "fail":
            worker.fails(503, "Prediction failed")
        elif worker.busy and self.continuous:
            worker.answers_with(*(STAYS if (which + at) % 3 == 0 else ENDS for at in range(len(worker.sent[-1]))))
        elif worker.busy:
            worker.answers_all()

    def gone(self, worker: FakeChannel) -> None:
        assert not worker.busy
        self.workers.remove(worker)

    def check(self) -> None:
        self.setting.check_figures()
        for worker in self.all:
            for batch in worker.sent:
                names = [job[0] for job in batch]
                assert len(set(names)) == len(names), "one job of each sequence in a batch"
                assert len(batch) == 1 or DESCRIBE not in batch

    async def end(self) -> None:
        self.workers.append(self.setting.worker())
        self.all.append(self.workers[-1])
        while any(worker.busy for worker in self.workers) or self.setting.queue.pending:
            for worker in list(self.workers):
                if worker.busy:
                    self.do("answer", worker, 1)
            await asyncio.sleep(0.6)
        assert all(job.future.done() for job in self.setting.jobs), "every job is answered"
        figures = self.setting.queue.snapshot()
        assert figures.accepted == len(self.setting.jobs) == figures.answered + figures.failed, "and once"
        self.check_order()

    def check_order(self) -> None:
        for name in "abcd":
            for worker in self.all:
                numbers = [int(job[1:]) for batch in worker.sent for job in batch if job[0] == name]
                assert numbers == sorted(numbers)
                assert self.continuous or len(set(numbers)) == len(numbers), "none runs twice"
        for job in self.setting.jobs:
            if job.future.done() and not job.future.cancelled():
                job.future.exception()


@settings(max_examples=150, deadline=None, database=None)
@given(
    steps=st.lists(STEPS, max_size=40),
    continuous=st.booleans(),
    batch_size=st.integers(1, 3),
    delay=st.sampled_from([0, 0.5]),
)
def test_sequences_keep_their_order_and_every_job_is_answered_once(
    *, steps: list[tuple[str, Any]], continuous: bool, batch_size: int, delay: float
) -> None:
    async def play() -> None:
        story = Story(continuous=continuous, batch_size=batch_size, delay=delay)
        for what, which in steps:
            await story.step(what, which)
        await story.end()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play())
