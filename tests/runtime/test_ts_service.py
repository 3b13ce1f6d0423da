"""Services, their loaders and messages, as older handlers and their tests use them."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.runtime import loading
from ts import model_loader
from ts.async_service import AsyncService
from ts.handler_utils.utils import create_predict_response
from ts.metrics import emission
from ts.metrics.dimension import Dimension
from ts.metrics.metrics_store import MetricsStore
from ts.model_loader import ModelLoaderFactory
from ts.model_service.model_service import SingleNodeService
from ts.protocol import otf_message_handler as otf
from ts.service import PredictionException, Service, emit_metrics

BATCH = [
    {
        "requestId": b"id-0",
        "headers": [{"name": b"explain", "value": b"True"}],
        "parameters": [{"name": "body", "contentType": "text/plain", "value": "hello"}],
    }
]


class Fields:
    """Reads the fields of a message, one after the other."""

    def __init__(self, message: bytes | bytearray) -> None:
        self._stream = io.BytesIO(message)

    def number(self) -> int:
        found: int = struct.unpack("!i", self._stream.read(4))[0]
        return found

    def text(self) -> bytes:
        return self._stream.read(self.number())

    def answer(self) -> tuple[Any, ...]:
        """Return id, content type, status, phrase, headers and body of the next answer."""
        head = self.text(), self.text(), self.number(), self.text()
        headers = {self.text(): self.text() for _ in range(self.number())}
        return (*head, headers, self.text())

    @property
    def rest(self) -> bytes:
        return self._stream.read()


END = struct.pack("!i", -1)


def service(entry_point: Any, **changes: Any) -> Service:
    arguments: dict[str, Any] = {"manifest": None, "gpu": None, "batch_size": 1, **changes}
    return Service("net", "/nowhere", entry_point=entry_point, **arguments)


def test_a_service_answers_a_batch_of_torchserves() -> None:
    def handler(rows: Any, context: Any) -> list[Any]:
        context.set_response_content_type(0, "text/plain")
        context.set_response_status(201, "made", 0)
        seen = (
            context.get_request_header(0, "explain"),
            context.get_request_header(0, "body"),
            context.get_request_id(0),
        )
        return [json.dumps([*seen, rows])]

    fields = Fields(service(handler).predict(BATCH))
    assert (fields.number(), fields.text()) == (200, b"Prediction success")
    *head, headers, body = fields.answer()
    assert (head, headers) == ([b"id-0", b"text/plain", 201, b"made"], {b"content-type": b"text/plain"})
    assert json.loads(body) == ["True", {"content-type": "text/plain"}, "id-0", [{"body": "hello"}]]
    assert fields.rest == END


def test_what_a_handler_raises_passes_through_a_service() -> None:
    def handler(_rows: Any, _context: Any) -> list[Any]:
        raise PredictionException("no", 418)

    with pytest.raises(PredictionException, match="no : 418"):
        service(handler).predict(BATCH)
    with pytest.raises(ValueError, match="no batch"):
        Service.retrieve_data_for_inference(None)


def test_a_service_knows_its_model(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: 1\n")
    made = Service("net", str(tmp_path), {"model": {"configFile": "c.yaml"}}, print, 0, 4)
    made.set_cl_socket("socket")
    context = made.context
    assert (context.model_yaml_config, context.system_properties["gpu_id"]) == ({"a": 1}, 0)
    assert vars(context)["cl_socket"] == "socket"
    assert context.metrics.model_name == "net"


def test_an_async_service_awaits_its_entry_with_a_context_of_its_own() -> None:
    async def handler(rows: Any, context: Any) -> list[Any]:
        await asyncio.sleep(0)
        return [f"{context.get_request_id(0)} {rows[0]['body']}"]

    around = service(handler)
    fields = Fields(asyncio.run(AsyncService(around).predict(BATCH)))
    assert (fields.number(), fields.text(), fields.answer()[-1]) == (200, b"Prediction success", b"id-0 hello")
    assert around.context.request_ids is None


def test_a_loader_returns_the_initialised_handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "class Echo:\n    def initialize(self, context):\n        context.ready = True\n"
    source += "    def handle(self, data, context):\n        return [f'{context.ready} {data}']\n"
    (tmp_path / "echo_for_loader.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, model_loader.LOADING, loading)

    loaded = ModelLoaderFactory.get_model_loader().load("net", str(tmp_path), "echo_for_loader.py", None, 1, "body")
    fields = Fields(loaded.predict(BATCH))
    assert (fields.number(), fields.text(), fields.answer()[-1]) == (200, b"Prediction success", b"True ['hello']")


def test_answers_of_every_type_are_encoded() -> None:
    tensor = torch.tensor([1, 2])
    ids = {index: str(index) for index in range(4)}
    fields = Fields(create_predict_response([b"raw", "text", {"a": 1}, tensor], ids, "fine", 200))
    assert (fields.number(), fields.text()) == (200, b"fine")
    answers = [fields.answer() for _ in ids]
    assert [answer[:-1] for answer in answers] == [(str(index).encode(), b"", 200, b"", {}) for index in ids]
    assert [answer[-1] for answer in answers[:3]] == [b"raw", b"text", b'{\n  "a": 1\n}']
    assert torch.equal(torch.load(io.BytesIO(answers[3][-1]), weights_only=True), tensor)


def test_an_answer_that_json_cannot_say_fails_the_batch() -> None:
    fields = Fields(create_predict_response([object()], {0: "a"}, "fine", 200))
    assert (fields.number(), fields.text(), fields.answer()) == (
        503,
        b"Unsupported model output data type.",
        (b"a", b"", 503, b"", {}, b"error"),
    )


def test_the_answers_of_a_stream_say_whether_more_follows() -> None:
    context = service(print).context
    context.request_processor, _, context.request_ids = Service.retrieve_data_for_inference(BATCH)
    for streams, said in ((True, b"true"), (False, b"false")):
        fields = Fields(create_predict_response(["x"], {0: "a"}, "", 200, context, streams))
        assert (fields.number(), fields.text(), fields.answer()[4]) == (200, b"", {b"ts_stream_next": said})


def test_a_load_is_answered_with_code_and_message() -> None:
    assert otf.create_load_model_response(507, "full") == struct.pack("!ii", 507, 4) + b"full" + END


def test_headers_are_counted_and_sized() -> None:
    assert (
        otf.encode_response_headers({"a": "ü"}) == struct.pack("!ii", 1, 1) + b"a" + struct.pack("!i", 2) + "ü".encode()
    )


def sized(*texts: bytes) -> bytes:
    return b"".join(struct.pack("!i", len(text)) + text for text in texts)


def received(message: bytes) -> tuple[bytes, Any]:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(message)
        return otf.retrieve_msg(ours)


def test_messages_to_a_worker_are_read() -> None:
    load = b"L" + sized(b"net", b"/models/net") + struct.pack("!i", 2) + sized(b"h.py") + END + sized(b"") + b"\1"
    assert received(load) == (
        b"L",
        {
            "modelName": b"net",
            "modelPath": b"/models/net",
            "batchSize": 2,
            "handler": b"h.py",
            "gpu": None,
            "envelope": b"",
            "limitMaxImagePixels": True,
        },
    )
    predict = b"I" + sized(b"id-0", b"explain", b"True") + END + sized(b"body", b"text/plain", b"hello") + END + END
    kind, batch = received(predict)
    assert kind == b"I"
    assert batch == [{**BATCH[0], "parameters": [{"name": "body", "contentType": "text/plain", "value": b"hello"}]}]


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid command: b'X'"):
        received(b"X")
    with pytest.raises(EOFError, match="within a message"):
        received(b"L\0")


def test_the_streaming_call_of_old_warns_and_works() -> None:
    sent: list[tuple[Any, ...]] = []

    class Socket:
        def send_partial(self, *arguments: Any) -> None:
            sent.append(arguments)

    context = service(print).context
    context.cl_socket = Socket()
    with pytest.warns(PendingDeprecationWarning, match="ts.handler_utils.utils"):
        otf.send_intermediate_predict_response(["a"], {0: "id"}, "more", 200, context)
    assert sent == [(["a"], "more", 200)]


def test_metrics_of_a_store_are_emitted_as_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(emission, "_sinks", [emitted.append])
    store = MetricsStore({0: "a", 1: "b"}, "net")
    store.add_counter("Seen", 2, dimensions=[Dimension("Kind", "cat")])
    emit_metrics(store.store)
    emit_metrics({"Seen": store.store[0]})
    assert (
        emitted
        == [
            {
                "name": "Seen",
                "value": 2,
                "unit": "Count",
                "type": "counter",
                "dimensions": [["Kind", "cat"], ["ModelName", "net"], ["Level", "Model"]],
                "request_ids": ["a", "b"],
            }
        ]
        * 2
    )


class Doubling(SingleNodeService):
    def _inference(self, data: Any) -> Any:
        return [2 * number for number in data[0]]


def old_service(folder: Path, manifest: dict[str, Any]) -> Doubling:
    signature = {"input_type": "application/json", "inputs": [{"data_name": "numbers"}]}
    (folder / "signature.json").write_text(json.dumps(signature))
    made = Doubling("net", str(folder), None)
    made.initialize(Service("net", str(folder), manifest, print, None, 1).context)
    return made


@pytest.mark.parametrize("name", ["numbers", "body", "data"])
@pytest.mark.parametrize("value", [[1, 2], b"[1, 2]"])
def test_a_service_of_old_answers_from_the_input_that_its_signature_names(
    tmp_path: Path, name: str, value: Any
) -> None:
    made = old_service(tmp_path, {"Model": {"Signature": "signature.json"}})
    context = service(print).context
    assert made.handle([{name: value}], context) == [2, 4]
    assert (made.ping(), made.signature()["input_type"]) == ("healthy", "application/json")


@pytest.mark.parametrize("manifest", [{}, {"Model": {"Signature": "missing.json"}}])
def test_a_service_of_old_without_a_signature_does_not_load(tmp_path: Path, manifest: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="signature"):
        old_service(tmp_path, manifest)
