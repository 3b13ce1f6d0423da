"""Continuous batching, with a channel that answers when the test says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from engine.errors import PredictionError
from engine.serving.continuous import STREAM_NEXT, ContinuousQueue
from engine.serving.jobs import Input, Job
from tests.support.fakes_workers import UNSENDABLE, FakeChannel
from tests.support.loops import now, turn, virtual_time

if TYPE_CHECKING:
    from engine.workers.channel import Channel

STAYS = {STREAM_NEXT: "true"}
ENDS = {STREAM_NEXT: "false"}


class Setting:
    """A queue with one worker, and short ways to use them."""

    def __init__(self, batch_size: int = 2, delay: float = 0.5) -> None:
        self.queue = ContinuousQueue(batch_size, delay, 100)
        self.queue.expect(1)
        self.worker = self.serve()

    def serve(self) -> FakeChannel:
        channel = FakeChannel()
        self.queue.serve(cast("Channel", channel))
        return channel

    def submit(self, *names: str, alone: bool = False) -> list[Job]:
        jobs = [Job(name, {"h": name}, [Input("body", "", name.encode())], alone=alone) for name in names]
        assert [self.queue.submit(job) for job in jobs] == [""] * len(jobs)
        return jobs

    def check_figures(self, *, in_flight: int, answered: int, failed: int = 0) -> None:
        figures = self.queue.snapshot()
        assert (figures.in_flight, figures.answered, figures.failed) == (in_flight, answered, failed)


async def parts_of(job: Job) -> list[bytes]:
    reply = await job.future
    later = [] if reply.stream is None else [piece async for piece in reply.stream]
    return [bytes(reply.body), *later]


@virtual_time
async def test_a_job_stays_until_a_part_is_its_last() -> None:
    setting = Setting()
    a, b = setting.submit("a", "b")
    setting.worker.answers_with(STAYS, ENDS)
    setting.worker.answers_with(STAYS)
    setting.check_figures(in_flight=1, answered=1)
    setting.worker.answers_with({})
    assert setting.worker.sent == [["a", "b"], ["a"], ["a"]]
    assert [len(await parts_of(job)) for job in (a, b)] == [3, 1]
    setting.check_figures(in_flight=0, answered=2)


@virtual_time
async def test_a_job_that_stays_is_sent_with_its_headers_and_without_inputs() -> None:
    setting = Setting()
    [job] = setting.submit("a", "b")[:1]
    setting.worker.answers_with(STAYS, STAYS)
    assert setting.worker.bodies == [[b"a", b"b"], []]
    assert job.meta == {"id": "a", "headers": {"h": "a"}, "inputs": []}


@virtual_time
async def test_who_stays_counts_once_as_a_request() -> None:
    setting = Setting()
    setting.submit("a", "b")
    setting.worker.answers_with(STAYS, STAYS)
    setting.worker.answers_with(STAYS, STAYS)
    assert setting.worker.requests == 2


@virtual_time
async def test_new_jobs_fill_the_free_places_without_a_wait() -> None:
    setting = Setting(batch_size=3)
    setting.submit("a", "b", "c")
    setting.submit("d", "e")
    setting.worker.answers_with(STAYS, ENDS, STAYS)
    assert setting.worker.sent == [["a", "b", "c"], ["a", "c", "d"]]
    assert setting.worker.bodies[1] == [b"d"]
    setting.worker.answers_with(ENDS, ENDS, STAYS)
    assert setting.worker.sent[2] == ["d", "e"]
    assert now() == 0


@virtual_time
async def test_a_worker_without_jobs_gathers_as_long_as_the_delay() -> None:
    setting = Setting()
    setting.submit("a")
    assert setting.worker.sent == []
    setting.submit("b")
    assert setting.worker.sent == [["a", "b"]]


@virtual_time
async def test_a_client_that_has_gone_takes_its_job_out_at_the_next_part() -> None:
    setting = Setting()
    early, late = setting.submit("early", "late")
    early.future.cancel()
    setting.worker.answers_with(STAYS, STAYS)
    assert setting.worker.sent[1] == ["late"]
    stream = (await late.future).stream
    assert stream is not None
    stream.close()
    setting.worker.answers_with(STAYS)
    assert len(setting.worker.sent) == 2
    setting.check_figures(in_flight=0, answered=0, failed=2)


@virtual_time
async def test_a_batch_that_fails_fails_who_stays_and_who_is_new() -> None:
    setting = Setting()
    old, other = setting.submit("old", "other")
    setting.worker.answers_with(STAYS, ENDS)
    [new] = setting.submit("new")
    setting.worker.answers_with(STAYS)
    assert setting.worker.sent[2] == ["old", "new"]
    setting.worker.fails(503, "Prediction failed")
    stream = (await old.future).stream
    assert stream is not None
    assert await anext(stream) == b"part"
    with pytest.raises(PredictionError, match="Prediction failed"):
        await anext(stream)
    with pytest.raises(PredictionError, match="Prediction failed"):
        await new.future
    assert (await other.future).stream is None
    setting.check_figures(in_flight=0, answered=1, failed=2)
    setting.submit("c", "d")
    assert setting.worker.sent[3] == ["c", "d"]


@virtual_time
async def test_a_job_that_no_frame_can_hold_fails_alone_and_the_others_stay() -> None:
    setting = Setting()
    setting.submit("a", "b")
    bad = Job("bad", {UNSENDABLE: ""}, [])
    setting.queue.submit(bad)
    setting.worker.answers_with(STAYS, ENDS)
    with pytest.raises(PredictionError, match="cannot be passed on"):
        await bad.future
    assert setting.worker.sent[1] == ["a"]
    setting.check_figures(in_flight=1, answered=1, failed=1)


@virtual_time
async def test_a_job_that_goes_alone_waits_for_the_batch_to_end() -> None:
    setting = Setting(batch_size=4)
    setting.submit("a", "b", "c", "d")
    setting.submit("describe", alone=True)
    setting.worker.answers_with(STAYS, ENDS, ENDS, ENDS)
    assert setting.worker.sent[1] == ["a"]
    setting.worker.answers_with(ENDS)
    assert setting.worker.sent[2] == ["describe"]


@virtual_time
async def test_a_worker_that_retires_ends_its_jobs_and_takes_no_new_ones() -> None:
    setting = Setting()
    setting.submit("a", "b")
    gone: list[bool] = []
    other = setting.serve()
    setting.queue.retire(cast("Channel", setting.worker), lambda: gone.append(True))
    setting.submit("c", "d")
    setting.worker.answers_with(STAYS, ENDS)
    assert (setting.worker.sent[1], gone) == (["a"], [])
    setting.worker.answers_with(ENDS)
    assert (other.sent, gone) == ([["c", "d"]], [True])


@virtual_time
async def test_a_worker_that_dies_fails_its_jobs_and_a_new_one_goes_on() -> None:
    setting = Setting()
    jobs = setting.submit("a", "b")
    setting.worker.answers_with(STAYS, STAYS)
    setting.queue.drop(cast("Channel", setting.worker))
    setting.worker.dies()
    for job in jobs:
        with pytest.raises(PredictionError, match=r"Worker died\."):
            await parts_of(job)
    setting.submit("c", "d")
    assert setting.serve().sent == [["c", "d"]]
    await turn()
