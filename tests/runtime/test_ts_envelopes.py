"""The envelopes `body`, `json` and `kserve`, and what every envelope does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from engine.runtime.frames import Kind
from tests.runtime.conftest import WorkerProcess
from ts.context import Context, RequestProcessor
from ts.torch_handler.request_envelope.base import BaseEnvelope
from ts.torch_handler.request_envelope.body import BodyEnvelope
from ts.torch_handler.request_envelope.json import JSONEnvelope
from ts.torch_handler.request_envelope.kserve import KServeEnvelope
from ts.utils.util import PredictionException

ENVELOPES: list[type[BaseEnvelope]] = [BodyEnvelope, JSONEnvelope, KServeEnvelope]


def context(count: int = 1, **headers: str) -> Context:
    """Return the context of a batch whose requests all have `headers`."""
    made = Context("net", "", {"model": {"modelName": "net", "modelVersion": "1.0"}}, count, None, "0.12.0")
    made.request_processor = [RequestProcessor(dict(headers)) for _ in range(count)]
    made.request_ids = {index: f"id-{index}" for index in range(count)}
    return made


def unwrapped(envelope: type[BaseEnvelope], rows: list[dict[str, Any]]) -> Any:
    """Return what the handler gets."""
    seen: list[Any] = []

    def handler(data: Any, _context: Any) -> list[Any]:
        seen.append(data)
        return []

    assert envelope(handler).handle(rows, context(len(rows))) == []
    return seen[0]


def wrapped(envelope: type[BaseEnvelope], rows: list[dict[str, Any]], results: Any, **headers: str) -> Any:
    """Return the answers made of a handler's results."""
    return envelope(lambda _data, _context: results).handle(rows, context(len(rows), **headers))


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_nothing_is_made_of_no_requests_and_of_no_results(envelope: type[BaseEnvelope]) -> None:
    assert unwrapped(envelope, []) == []
    assert wrapped(envelope, [], None) is None


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_question_for_the_description_reaches_the_handler_as_it_is(envelope: type[BaseEnvelope]) -> None:
    around = envelope(lambda data, _context: [{"asked": data}])
    assert around.handle([{}], context(describe="True")) == [{"asked": [{}]}]


def test_the_body_envelope_hands_over_the_values() -> None:
    assert unwrapped(BodyEnvelope, [{"data": b"a"}, {"body": {"b": 1}}, {}]) == [b"a", {"b": 1}, None]
    assert wrapped(BodyEnvelope, [{"body": 1}], ["as it is"]) == ["as it is"]


@pytest.mark.parametrize(
    "as_sent", [lambda value: value, json.dumps, lambda value: bytearray(json.dumps(value).encode())]
)
def test_the_json_envelope_joins_the_instances_and_parts_the_predictions(as_sent: Callable[[Any], Any]) -> None:
    rows = [{"body": as_sent({"instances": [1, 2]})}, {"data": as_sent({"instances": [3]})}]
    assert unwrapped(JSONEnvelope, rows) == [1, 2, 3]
    assert wrapped(JSONEnvelope, rows, [2, 4, 6]) == ['{"predictions": [2, 4]}', '{"predictions": [6]}']


def test_the_json_envelope_decodes_base64_where_the_first_instance_is_an_object() -> None:
    encoded = {"b64": base64.b64encode(b"picture").decode()}
    rows = [{"body": {"instances": [encoded, {"image": encoded, "name": "x"}, 5]}}]
    assert unwrapped(JSONEnvelope, rows) == [b"picture", {"image": b"picture", "name": "x"}, 5]
    assert unwrapped(JSONEnvelope, [{"body": {"instances": [5, encoded]}}]) == [5, encoded]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"wrong": 1}, "no list 'instances'"),
        ({"instances": 1}, "no list 'instances'"),
        ([1], "must be a JSON object, not list"),
        ("not json", "is no JSON"),
        (bytearray(b"\xff"), "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"", "must be a JSON object, not NoneType"),
        ({"instances": [{"b64": "not base64!"}]}, "base64"),
    ],
)
def test_the_json_envelope_answers_400_for_what_it_cannot_read(body: Any, reason: str) -> None:
    with pytest.raises(PredictionException, match=reason) as caught:
        unwrapped(JSONEnvelope, [{"body": body} if body else {}])
    assert caught.value.error_code == 400


def test_kserve_hands_over_the_instances_and_answers_with_all_results() -> None:
    rows: list[dict[str, Any]] = [{"body": b'{"instances": [{"data": [1]}, 2]}'}]
    assert unwrapped(KServeEnvelope, rows) == [{"data": [1]}, 2]
    assert wrapped(KServeEnvelope, rows, [3, 4], explain="False") == [{"predictions": [3, 4]}]
    assert wrapped(KServeEnvelope, rows, [3, 4], explain="True") == [{"explanations": [3, 4]}]


@pytest.mark.parametrize("body", [{"wrong": 1}, "not json", b"\xff\xfe", [1], 5])
def test_kserve_fails_for_what_it_cannot_read_as_recorded(body: Any) -> None:
    with pytest.raises(ValueError, match=r"the body"):
        unwrapped(KServeEnvelope, [{"body": body}])


RESULTS = [
    torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
    np.array([[1.0, 2.0], [3.0, 4.0]]),
    [torch.tensor([1.0, 2.0]), (np.float32(3), torch.tensor(4.0, requires_grad=True))],
]


@pytest.mark.parametrize("results", RESULTS)
def test_tensors_and_arrays_become_lists(results: Any) -> None:
    expected = [[1.0, 2.0], [3.0, 4.0]]
    assert wrapped(KServeEnvelope, [{"body": {"instances": [0]}}], results) == [{"predictions": expected}]
    lines = wrapped(JSONEnvelope, [{"body": {"instances": [0, 0]}}], results)
    assert [json.loads(line) for line in lines] == [{"predictions": expected}]


def test_tensors_inside_objects_become_lists_too() -> None:
    results = [{"scores": torch.tensor([1, 2]), "label": "cat"}]
    answer = wrapped(KServeEnvelope, [{"body": {"instances": [0]}}], results)
    assert answer == [{"predictions": [{"scores": [1, 2], "label": "cat"}]}]


TELLS = """
    def handle(data, context):
        return None if data is None else [str(item) for item in data]
"""


@pytest.mark.parametrize(
    ("envelope", "sent", "answered"),
    [
        ("body", b'{"a": 1}', b"{'a': 1}"),
        ("json", b'{"instances": [1, 2]}', b'{"predictions": ["1", "2"]}'),
        ("kserve", b'{"instances": [1, 2]}', b'{\n  "predictions": [\n    "1",\n    "2"\n  ]\n}'),
    ],
)
def test_a_worker_answers_in_its_envelope_and_outlives_bad_input(
    start_worker: Callable[..., WorkerProcess], envelope: str, sent: bytes, answered: bytes
) -> None:
    worker = start_worker(TELLS)
    worker.load("h.py", envelope=envelope)
    if envelope != "body":
        failed = worker.predict(b"[")
        assert (failed.kind, failed.meta["code"]) == (Kind.FAILED, 400 if envelope == "json" else 503)
    assert bytes(worker.predict(sent).body) == answered
