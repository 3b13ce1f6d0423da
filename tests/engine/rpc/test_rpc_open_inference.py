"""KServe v2's service under both its names. Workers are fakes."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from engine.errors import BadRequestError, PredictionError
from engine.rpc import tensors
from engine.rpc.interface import OPEN_INFERENCE, message
from tests.engine.rpc.conftest import Call
from tests.support.rpc_client import RpcClient
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

ON = {"ts_open_inference_protocol": True}
RECORDED = {**ON, "api_dialect": "torchserve-0.12"}
NAMES = ("open_inference", "kserve")
ONE = {"url": "noop-1.0.mar", "initial_workers": 1, "synchronous": True}
MODEL = "org.pytorch.serve.archive.model."
Request = message(f"{OPEN_INFERENCE}.ModelInferRequest")


def answer_with(outputs: list[dict[str, Any]]) -> FakeLauncher:
    value = {"id": "7", "model_name": "noop", "model_version": "1.0", "outputs": outputs}
    return FakeLauncher(answer=(0, "", {}, json.dumps(value).encode()))


@pytest.mark.parametrize("name", NAMES)
def test_the_server_and_its_models_tell_of_themselves(call: Call, name: str) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        await client.manage("RegisterModel", url="noop-2.0.mar")
        assert (await client.one(name, "ServerLive")).answer.live
        assert (await client.one(name, "ServerReady")).answer.ready
        assert (await client.one(name, "ServerMetadata")).answer.name == "Torchserve"
        assert (await client.one(name, "ModelReady", name="noop")).answer.ready
        assert not (await client.one(name, "ModelReady", name="noop", version="2.0")).answer.ready
        told = (await client.one(name, "ModelMetadata", name="noop")).answer
        assert (told.name, list(told.versions), told.platform) == ("noop", ["1.0", "2.0"], "pytorch")
        for rpc in ("ModelReady", "ModelMetadata"):
            assert (await client.one(name, rpc, name="zz")).status == ("NOT_FOUND", "Model not found: zz")
            assert (await client.one(name, rpc)).code == "INVALID_ARGUMENT"

    call(scenario, **ON)


@pytest.mark.parametrize("name", NAMES)
def test_tensors_reach_the_handler_as_json_and_come_back(call: Call, name: str) -> None:
    launcher = answer_with([{"name": "y", "datatype": "FP32", "shape": [2], "data": [1.5, 2]}])

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        tensor = {"name": "x", "datatype": "INT32", "shape": [2], "contents": {"int_contents": [1, 2]}}
        done = await client.one(name, "ModelInfer", model_name="noop", id="7", inputs=[tensor])
        [output] = done.answer.outputs
        assert (done.answer.id, output.name, list(output.shape)) == ("7", "y", [2])
        assert list(output.contents.fp32_contents) == [1.5, 2]
        assert launcher.workers[0].jobs[0]["inputs"][0][:2] == ["body", "application/json"]

    call(scenario, launcher, **ON)


def test_without_the_setting_there_is_no_such_service(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        assert (await client.one("open_inference", "ServerLive")).code == "UNIMPLEMENTED"

    call(scenario)


@pytest.mark.parametrize("settings", [ON, RECORDED])
def test_what_cannot_be_inferred_is_told(call: Call, settings: dict[str, Any]) -> None:
    recorded = settings is RECORDED

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        unnamed = await client.one("open_inference", "ModelInfer")
        assert unnamed.code == ("INTERNAL" if recorded else "INVALID_ARGUMENT")
        unknown = await client.one("open_inference", "ModelInfer", model_name="zz")
        assert unknown.code == ("INTERNAL" if recorded else "NOT_FOUND")
        odd = await client.one("open_inference", "ModelInfer", model_name="noop")
        assert odd.code == "INTERNAL"
        assert odd.text.startswith("Worker died.\n" if recorded else "The handler's answer is none of KServe v2")

    call(scenario, **settings)


def test_torchserve_tells_less(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", url="noop-1.0.mar")
        told = await client.one("open_inference", "ServerMetadata")
        assert told.code == "UNIMPLEMENTED"
        assert (await client.one("open_inference", "ModelReady", name="noop")).answer.ready
        assert (await client.one("open_inference", "ModelMetadata", name="noop")).answer.platform == ""
        unknown = await client.one("open_inference", "ModelReady", name="zz")
        assert unknown.status == ("NOT_FOUND", f"Model not found: zz\n{MODEL}ModelNotFoundException")
        unnamed = await client.one("open_inference", "ModelReady")
        assert unnamed.status == ("INTERNAL", "Parameter name is required.\nBadRequestException.()")

    call(scenario, **RECORDED)


def body_of(datatype: str, contents: dict[str, Any] | None = None, raw: bytes | None = None) -> Any:
    tensor = {"name": "x", "datatype": datatype, "shape": [1], "contents": contents or {}}
    request = Request(model_name="noop", id="7", inputs=[tensor], raw_input_contents=[] if raw is None else [raw])
    return json.loads(tensors.request_body(request, raw=True))["inputs"][0].get("data")


@pytest.mark.parametrize(
    ("datatype", "field", "given", "shown"),
    [
        ("BOOL", "bool_contents", [True], [True]),
        ("INT8", "int_contents", [-3], [-3]),
        ("INT64", "int64_contents", [-(2**40)], [-(2**40)]),
        ("UINT16", "uint_contents", [3], [3]),
        ("UINT64", "uint64_contents", [2**63], [2**63]),
        ("FP32", "fp32_contents", [0.5], [0.5]),
        ("FP64", "fp64_contents", [0.1], [0.1]),
        ("BYTES", "bytes_contents", [b"\xff"], ["/w=="]),
        ("FP16", "fp32_contents", [1.0], None),
    ],
)
def test_each_datatype_has_its_field(datatype: str, field: str, given: list[Any], shown: Any) -> None:
    assert body_of(datatype, {field: given}) == shown


@pytest.mark.parametrize(
    ("datatype", "raw", "shown"),
    [
        ("FP32", struct.pack("<2f", 1.5, 2), [1.5, 2.0]),
        ("FP16", struct.pack("<e", 0.5), [0.5]),
        ("INT64", struct.pack("<q", -1), [-1]),
        ("BOOL", b"\x01\x00", [True, False]),
        ("BYTES", b"\x02\x00\x00\x00ab\x00\x00\x00\x00", ["YWI=", ""]),
    ],
)
def test_raw_contents_are_read_by_their_datatype(datatype: str, raw: bytes, shown: list[Any]) -> None:
    assert body_of(datatype, raw=raw) == shown


@pytest.mark.parametrize(("datatype", "raw"), [("FP32", b"abc"), ("BF16", b"ab"), ("BYTES", b"\x09\x00\x00\x00a")])
def test_raw_contents_that_are_no_such_elements_are_refused(datatype: str, raw: bytes) -> None:
    with pytest.raises(BadRequestError, match=f"raw contents of x are no {datatype} elements"):
        body_of(datatype, raw=raw)


def test_raw_contents_must_be_as_many_as_the_inputs() -> None:
    with pytest.raises(BadRequestError, match="one entry for each"):
        tensors.request_body(Request(raw_input_contents=[b""]), raw=True)


def response_of(datatype: str, data: list[Any], *, quoted: bool = False) -> Any:
    output = {"name": "y", "datatype": datatype, "shape": [1], "data": data}
    value = {"id": "7", "model_name": "noop", "model_version": "1.0", "outputs": [output]}
    return tensors.response(json.dumps(value).encode(), quoted=quoted).outputs[0].contents


def test_texts_come_back_as_they_are_and_quoted_from_torchserve() -> None:
    assert list(response_of("BYTES", ["ä"]).bytes_contents) == ["ä".encode()]
    assert list(response_of("BYTES", ["a"], quoted=True).bytes_contents) == [b'"a"']
    assert response_of("FP16", [1.0]).ListFields() == []


@pytest.mark.parametrize("body", [b"odd", b"{}", b"[]", b'{"id": 7}', b"\xff", b"[" * 5000])
def test_an_answer_that_is_none_of_kserve_is_the_handlers_failure(body: bytes) -> None:
    with pytest.raises(PredictionError, match="none of KServe v2"):
        tensors.response(body, quoted=False)


def test_numbers_that_do_not_fit_their_datatype_are_the_handlers_failure() -> None:
    with pytest.raises(PredictionError, match="none of KServe v2"):
        response_of("INT32", [2**40])
