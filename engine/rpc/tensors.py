"""Tensors between KServe v2's messages and the JSON that a handler takes and gives. Pure."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from engine.errors import BadRequestError, PredictionError
from engine.rpc.interface import OPEN_INFERENCE, message

Response = message(f"{OPEN_INFERENCE}.ModelInferResponse")

BYTES = "BYTES"
# The field of a tensor's contents for each datatype (KServe v2).
CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}
# How the elements of a raw tensor lie in memory, in the letters of `struct`.
_LETTERS = {
    "BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B", "UINT16": "H", "UINT32": "I",
    "UINT64": "Q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
_LENGTH = 4  # bytes before each element of a raw BYTES tensor, little endian
_UNUSABLE = "The handler's answer is none of KServe v2: "


def request_body(request: Any, *, raw: bool) -> bytes:
    """Return a request as JSON; with `raw` the bytes of tensors count, which TorchServe 0.12 drops.

    Raises BadRequestError for raw bytes that are not as many tensors of such elements.
    """
    inputs = [_input(one) for one in request.inputs]
    if raw and request.raw_input_contents:
        if len(request.raw_input_contents) != len(inputs):
            raise BadRequestError("raw_input_contents must hold one entry for each of the inputs.")
        for tensor, data in zip(inputs, request.raw_input_contents, strict=True):
            tensor["data"] = _elements(tensor, data)
    return msgspec.json.encode({"id": request.id, "model_name": request.model_name, "inputs": inputs})


def _input(tensor: Any) -> dict[str, Any]:
    shown = {"name": tensor.name, "shape": list(tensor.shape), "datatype": tensor.datatype}
    field = CONTENTS.get(tensor.datatype)
    if field is None:
        return shown
    data = list(getattr(tensor.contents, field))
    return {**shown, "data": _as_text(data) if tensor.datatype == BYTES else data}


def _elements(tensor: dict[str, Any], data: bytes) -> list[Any]:
    datatype = tensor["datatype"]
    try:
        if datatype == BYTES:
            return _as_text(_byte_elements(data))
        element = struct.Struct(f"<{_LETTERS[datatype]}")
        return [number for (number,) in element.iter_unpack(data)]
    except (KeyError, ValueError, struct.error) as error:
        raise BadRequestError(f"The raw contents of {tensor['name']} are no {datatype} elements: {error}") from None


def _byte_elements(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH], "little")
        if end > len(data):
            raise ValueError("an element is longer than what there is")
        yield data[at + _LENGTH : end]
        at = end


def _as_text(data: Any) -> list[str]:
    """Return bytes as base64, which JSON can hold (TorchServe)."""
    return [base64.b64encode(one).decode() for one in data]


def response(body: bytes, *, quoted: bool) -> Any:
    """Return a handler's JSON as a message; `quoted` keeps the quotes of texts, as TorchServe 0.12 does.

    Raises PredictionError for an answer that is none of KServe v2.
    """
    try:
        answer = msgspec.json.decode(body)
        made = Response(id=answer["id"], model_name=answer["model_name"], model_version=answer["model_version"])
        for output in answer["outputs"]:
            tensor = made.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
            _fill(tensor, output["data"], quoted=quoted)
    except (msgspec.DecodeError, UnicodeError, RecursionError, KeyError, TypeError, ValueError) as error:
        raise PredictionError(f"{_UNUSABLE}{type(error).__name__}: {error}", 500) from None
    return made


def _fill(tensor: Any, data: list[Any], *, quoted: bool) -> None:
    field = CONTENTS.get(tensor.datatype)
    if field is None:
        return
    if tensor.datatype == BYTES:
        data = [_bytes(one, quoted=quoted) for one in data]
    getattr(tensor.contents, field).extend(data)


def _bytes(element: Any, *, quoted: bool) -> bytes:
    return msgspec.json.encode(element) if quoted or not isinstance(element, str) else element.encode()
