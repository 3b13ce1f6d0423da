"""The envelope `kservev2`: tensors as JSON, there and back."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ts.context import Context, RequestProcessor
from ts.torch_handler.request_envelope.kservev2 import KNOWN, KServev2Envelope
from ts.utils.util import PredictionException


def context() -> Context:
    made = Context("net", "", {"model": {"modelName": "net", "modelVersion": "1.0"}}, 1, None, "0.12.0")
    made.request_processor = [RequestProcessor({})]
    made.request_ids = {0: "request"}
    return made


def tensor(data: Any, shape: Any, datatype: str = "INT64", name: str = "in-0") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def read(*tensors: Any) -> list[dict[str, Any]]:
    inputs: list[dict[str, Any]] = KServev2Envelope(None).parse_input(  # type: ignore[arg-type]  # is not called
        [{"body": {"inputs": list(tensors)}}]
    )
    return inputs


def answer(body: dict[str, Any], results: Any) -> dict[str, Any]:
    [only] = KServev2Envelope(lambda _data, _context: results).handle([{"body": body}], context())
    return dict(only)


def output(result: Any) -> dict[str, Any]:
    """Return the one output tensor for a result."""
    [only] = answer({"inputs": [tensor([1], [1])]}, [result])["outputs"]
    return dict(only)


FLOATS = st.floats(allow_nan=False)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BOOL": st.booleans(),
    **{f"INT{bits}": st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": st.floats(allow_nan=False, width=bits) for bits in (16, 32, 64)},
    "BF16": FLOATS,
    "BYTES": st.text(),
}


@st.composite
def tensors(draw: st.DrawFn) -> dict[str, Any]:
    """Make an input tensor of any datatype and of one to four dimensions, none of them empty."""
    datatype = draw(st.sampled_from(sorted(VALUES)))
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    count = math.prod(shape)
    data = draw(st.lists(VALUES[datatype], min_size=count, max_size=count))
    return tensor(data, shape, datatype, draw(st.text(max_size=5)))


def depth(value: Any) -> list[int]:
    return [len(value), *depth(value[0])] if isinstance(value, list) else []


def test_every_datatype_is_tried() -> None:
    assert set(VALUES) == set(KNOWN)


@given(sent=st.lists(tensors(), min_size=1, max_size=3), request_id=st.one_of(st.none(), st.text(min_size=1)))
def test_what_a_handler_gives_back_arrives_as_it_was_sent(sent: list[dict[str, Any]], request_id: str | None) -> None:
    def handler(rows: list[dict[str, Any]], _context: Any) -> list[Any]:
        texts = [row["datatype"] == "BYTES" and isinstance(row["data"], str) for row in rows]
        assert all(text or depth(row["data"]) == row["shape"] for row, text in zip(rows, texts, strict=True))
        return [row["data"] for row in rows]

    body = json.dumps({"inputs": sent} if request_id is None else {"inputs": sent, "id": request_id})
    [made] = KServev2Envelope(handler).handle([{"body": body.encode()}], context())
    received = json.loads(json.dumps(made))

    assert (received["id"], received["model_name"], received["model_version"]) == (
        request_id or "request",
        "net",
        "1.0",
    )
    for one, back in zip(sent, received["outputs"], strict=True):
        assert (back["name"], back["data"], back["shape"]) == (one["name"], one["data"], [len(one["data"])])
        family = one["datatype"].rstrip("0123456789")
        expected = {"BOOL": "BOOL", "BYTES": "BYTES", "FP": "FP64", "BF": "FP64"}.get(family)
        unsigned = max(one["data"]) > 2**63 - 1 if family == "UINT" else False
        assert back["datatype"] == (expected or ("UINT64" if unsigned else "INT64"))


DTYPES = {
    torch.bool: "BOOL",
    torch.uint8: "UINT8",
    torch.int8: "INT8",
    torch.int16: "INT16",
    torch.int32: "INT32",
    torch.int64: "INT64",
    torch.float16: "FP16",
    torch.bfloat16: "BF16",
    torch.float32: "FP32",
    torch.float64: "FP64",
}


@pytest.mark.parametrize(("dtype", "datatype"), DTYPES.items())
def test_a_tensor_keeps_its_datatype(dtype: torch.dtype, datatype: str) -> None:
    found = output(torch.tensor([[1, 0], [1, 1]], dtype=dtype))
    assert (found["datatype"], found["data"], found["shape"]) == (datatype, [1, 0, 1, 1], [4])


@pytest.mark.parametrize("name", ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "float16", "float32"])
def test_an_array_keeps_its_datatype(name: str) -> None:
    found = output(np.array([[1], [0]], dtype=name))
    short = {"bool": "BOOL"}.get(name, name.upper().replace("FLOAT", "FP"))
    assert (found["datatype"], found["data"]) == (short, [1, 0])


@pytest.mark.parametrize(
    ("result", "datatype", "data"),
    [
        (5, "INT64", [5]),
        ([True, 2], "INT64", [1, 2]),
        ([1, 0.5], "FP64", [1.0, 0.5]),
        ([], "FP64", []),
        ([2**63], "UINT64", [2**63]),
        ([2**64], "BYTES", [2**64]),
        ("text", "BYTES", ["text"]),
        ([b"bytes", "text"], "BYTES", ["bytes", "text"]),
        ({"label": 1}, "BYTES", [{"label": 1}]),
        ([torch.tensor([1.0]), np.float32(2)], "FP64", [1.0, 2.0]),
        (np.array(["a", "b"]), "BYTES", ["a", "b"]),
    ],
)
def test_other_results_get_the_datatype_that_holds_them(result: Any, datatype: str, data: list[Any]) -> None:
    found = output(result)
    assert (found["datatype"], found["data"], found["shape"]) == (datatype, data, [len(data)])


def test_results_beyond_the_inputs_get_names_of_their_own() -> None:
    found = answer({"inputs": [tensor([1], [1], name="a")]}, [[1], [2], [3]])
    assert [one["name"] for one in found["outputs"]] == ["a", "output-1", "output-2"]


@pytest.mark.parametrize(
    ("data", "shape", "nested"),
    [
        ([1, 2, 3, 4], [2, 2], [[1, 2], [3, 4]]),
        ([[1, 2], [3, 4]], [4], [1, 2, 3, 4]),
        ([1, 2, 3, 4], [-1, 2], [[1, 2], [3, 4]]),
        ([5], [], 5),
        ([], [0, 10**18], []),
    ],
)
def test_data_is_nested_as_the_shape_says(data: Any, shape: list[int], nested: Any) -> None:
    [found] = read(tensor(data, shape))
    assert found == tensor(nested, shape)


def test_one_text_is_handed_over_as_it_is_and_several_as_a_list() -> None:
    [one, several] = read(tensor(["a"], [1], "BYTES"), tensor(["a", "b"], [2], "BYTES"))
    assert (one["data"], several["data"]) == ("a", ["a", "b"])


@pytest.mark.parametrize(
    "bad",
    [
        tensor([1, 2], [4]),
        tensor([1, 2], [-2]),
        tensor([1, 2], [True, 2]),
        tensor([1, 2], [-1, 0]),
        tensor([1], [1] * 65),
        tensor([1], ["1"]),
        tensor([1], 1),
        tensor(1, [1]),
        {"name": "x", "data": [1]},
        "no tensor",
    ],
)
def test_what_does_not_fit_fails_as_recorded(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"input|list"):
        read(bad)


def test_an_unknown_datatype_is_answered_400() -> None:
    with pytest.raises(PredictionException, match="'INT7' is none of BOOL") as caught:
        read(tensor([1], [1], "INT7"))
    assert caught.value.error_code == 400


def test_data_nested_deeper_than_python_recurses_is_read() -> None:
    deep: list[Any] = [1]
    for _ in range(100_000):
        deep = [deep]
    assert read(tensor(deep, [1]))[0]["data"] == [1]
