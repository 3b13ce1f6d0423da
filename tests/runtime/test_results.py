"""What becomes of a handler's answers and exceptions."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest
import torch

from engine.runtime.results import (
    HandlerOutputError,
    describe_results,
    encode_value,
    encode_values,
    load_failure,
    prediction_failure,
)
from engine.runtime.telling import traceback_text
from ts.context import RequestProcessor
from ts.utils.util import PredictionException


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("naïve", "naïve".encode()),
        ("", b""),
        (b"\x00", b"\x00"),
        (bytearray(b"ab"), b"ab"),
        (None, b"null"),
        (True, b"true"),
        (42, b"42"),
        (float("nan"), b"NaN"),
        ({"ü": [1]}, b'{\n  "\\u00fc": [\n    1\n  ]\n}'),
    ],
)
def test_a_value_goes_out_as_torchserve_writes_it(value: Any, sent: bytes) -> None:
    assert bytes(encode_value(value)) == sent


def test_a_tensor_goes_out_as_a_torch_archive() -> None:
    tensor = torch.tensor([[1.0, 2.0]])
    assert torch.load(io.BytesIO(encode_value(tensor)), weights_only=True).equal(tensor)


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize("value", [{1, 2}, object(), circular(), "\ud800", {"a": b"bytes"}])
def test_a_value_that_cannot_be_written_fails_the_batch(value: Any) -> None:
    with pytest.raises(HandlerOutputError) as caught:
        encode_values(["fine", value], 2, 1000)
    assert prediction_failure(caught.value) == (503, "Unsupported model output data type.")


@pytest.mark.parametrize("returned", [None, "a", {"a": 1}, ("a",)])
def test_only_a_list_is_accepted(returned: Any) -> None:
    with pytest.raises(HandlerOutputError) as caught:
        encode_values(returned, 1, 1000)
    assert prediction_failure(caught.value) == (503, "Invalid model predict output")


@pytest.mark.parametrize("returned", [[], ["a", "b"]])
def test_there_must_be_one_answer_per_request(returned: list[str]) -> None:
    with pytest.raises(HandlerOutputError) as caught:
        encode_values(returned, 1, 1000)
    assert prediction_failure(caught.value) == (503, "number of batch response mismatched")


def test_answers_of_a_batch_together_may_reach_the_limit_but_not_pass_it() -> None:
    assert encode_values(["12", "34"], 2, 4) == [b"12", b"34"]
    with pytest.raises(HandlerOutputError) as caught:
        encode_values(["12", "345"], 2, 4)
    assert prediction_failure(caught.value) == (500, "Worker died.")
    assert "5 bytes is over max_response_size, 4 bytes" in str(caught.value)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (MemoryError("x"), (507, "Out of resources")),
        (ValueError("CUDA error"), (507, "Out of resources")),
        (KeyError("x"), (503, "Prediction failed")),
        (PredictionException("bad input", 400), (400, "bad input")),
        (PredictionException("ours"), (500, "ours")),
        (PredictionException("too large", 413), (507, "too large")),
        (PredictionException("no status", 42), (500, "no status")),
        (PredictionException("no number", "x"), (500, "no number")),  # type: ignore[arg-type]  # handlers err
    ],
)
def test_an_exception_of_the_handler_becomes_torchserves_failure(error: Exception, failure: tuple[int, str]) -> None:
    assert prediction_failure(error) == failure


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (MemoryError("no room"), (507, "MemoryError: no room")),
        (RuntimeError("CUDA error\nsecond line"), (507, "RuntimeError: CUDA error")),
        (ValueError("CUDA"), (500, "ValueError: CUDA")),
        (KeyError("model"), (500, "KeyError: 'model'")),
        (AssertionError(), (500, "AssertionError")),
    ],
)
def test_a_failed_load_is_told_in_one_line(error: Exception, failure: tuple[int, str]) -> None:
    assert load_failure(error) == failure


def test_what_the_bundle_lacks_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    told = load_failure(ModuleNotFoundError("No module named 'transformers'", name="transformers")).message
    assert told == (
        "ModuleNotFoundError: No module named 'transformers' (Marina's own Python takes no packages: "
        "choose a Python for workers that has it, with worker_python)"
    )


def test_a_traceback_leaves_out_our_own_frames_at_its_top() -> None:
    with pytest.raises(HandlerOutputError) as caught:
        encode_values(None, 1, 1)
    trace = caught.value.__traceback__
    assert trace is not None
    assert traceback_text(caught.value.with_traceback(trace.tb_next)).splitlines() == [
        "engine.runtime.results.HandlerOutputError: Invalid model predict output: a list is needed, this is a NoneType"
    ]
    assert "test_results.py" in traceback_text(caught.value.with_traceback(trace))


def test_results_tell_length_status_phrase_and_text_headers() -> None:
    plain, special = RequestProcessor({}), RequestProcessor({})
    special.report_status(404, "None")
    special.add_response_property("x-count", 3)  # type: ignore[arg-type]  # handlers forget to write text
    assert describe_results([b"a", b""], [plain, special]) == [[1, 200, "", {}], [0, 404, "None", {"x-count": "3"}]]
