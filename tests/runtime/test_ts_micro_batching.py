"""Batches that are cut into micro-batches, whose stages run in threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.handlers import make_context, with_headers
from ts.handler_utils.micro_batching import HANDLER_METHODS, MicroBatching, WorkerThread
from ts.metrics import emission
from ts.torch_handler.base_handler import BaseHandler
from ts.utils.util import PredictionException


class Adder(BaseHandler):
    """Adds a digit per stage."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.positions: list[int] = []

    def preprocess(self, data: Any) -> Any:
        self.sizes.append(len(data))
        return [value * 10 + 1 for value in data]

    def inference(self, data: Any) -> Any:
        if any(value < 0 for value in data):
            raise PredictionException("below zero", 422)
        return [value * 10 + 2 for value in data]

    def postprocess(self, data: Any) -> Any:
        self.positions.append(MicroBatching.get_micro_batch_idx())
        return [value * 10 + 3 for value in data]

    def describe_handle(self) -> Any:
        return "adds"

    def get_insights(self, prepared: Any, *_: Any) -> Any:
        return ["because", *prepared]


@pytest.fixture
def micro() -> Iterator[MicroBatching]:
    batching = MicroBatching(Adder(), micro_batch_size=2)
    yield batching
    batching.shutdown()
    assert not [thread for thread in threading.enumerate() if isinstance(thread, WorkerThread)]


def test_answers_keep_the_order_of_the_requests(micro: MicroBatching) -> None:
    micro.parallelism = {"preprocess": 3, "postprocess": 2}
    assert micro.handle(list(range(9))) == [value * 1000 + 123 for value in range(9)]
    assert sorted(micro.handler.sizes) == [1, 2, 2, 2, 2]
    assert sorted(micro.handler.positions) == [0, 1, 2, 3, 4]


def test_an_empty_batch_has_no_answers(micro: MicroBatching) -> None:
    assert micro.handle([]) == []


def test_an_error_of_a_stage_fails_its_batch_and_no_later_one(micro: MicroBatching) -> None:
    with pytest.raises(PredictionException, match="below zero : 422"):
        micro.handle([1, 2, 3, -4, 5])
    assert micro.handle([1]) == [1123]


def test_what_ends_a_program_reaches_the_caller_too(micro: MicroBatching, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(_: Any) -> Any:
        raise SystemExit(3)

    monkeypatch.setattr(micro.handler, "inference", leave)
    fresh = MicroBatching(micro.handler)
    try:
        with pytest.raises(SystemExit):
            fresh.handle([1])
    finally:
        fresh.shutdown()


def test_stages_run_side_by_side() -> None:
    """The second micro-batch is preprocessed while the first is being inferred, or the test ends in BrokenBarrier."""
    barrier = threading.Barrier(2, timeout=20)

    class Meeting(Adder):
        def preprocess(self, data: Any) -> Any:
            if data == [2]:
                barrier.wait()
            return data

        def inference(self, data: Any) -> Any:
            if data == [1]:
                barrier.wait()
            return data

        def postprocess(self, data: Any) -> Any:
            return data

    batching = MicroBatching(Meeting())
    try:
        assert batching.handle([1, 2]) == [1, 2]
    finally:
        batching.shutdown()


def test_the_number_of_threads_can_change(micro: MicroBatching) -> None:
    assert micro.parallelism == dict.fromkeys(HANDLER_METHODS, 1)
    micro.parallelism = {"inference": 4}
    assert micro.parallelism == {"preprocess": 1, "inference": 4, "postprocess": 1}
    micro.parallelism = {"inference": 2}
    assert len([thread for thread in threading.enumerate() if isinstance(thread, WorkerThread)]) == 4
    assert micro.handle([1]) == [1123]


@pytest.mark.parametrize("wrong", [{"inference": 0}, {"baking": 1}])
def test_stages_that_cannot_be_are_refused(micro: MicroBatching, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="stages are preprocess, inference, postprocess, with one thread or more"):
        micro.parallelism = wrong


def test_it_takes_the_place_of_handle(micro: MicroBatching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(emission, "_sinks", [emitted.append])
    context = make_context(tmp_path, {})
    assert micro([4, 5, 6], with_headers(context)) == [4123, 5123, 6123]
    assert micro([{}], with_headers(context, describe="True")) == ["adds"]
    assert micro([1], with_headers(context, explain="True")) == ["because", 11]
    assert [metric["name"] for metric in emitted] == ["HandlerTime"] * 3


def test_a_profile_covers_the_whole_batch(
    micro: MicroBatching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENABLE_TORCH_PROFILER", "1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert micro([1, 2, 3], with_headers(make_context(tmp_path, {}))) == [1123, 2123, 3123]
    assert micro.handler.sizes == [3]
