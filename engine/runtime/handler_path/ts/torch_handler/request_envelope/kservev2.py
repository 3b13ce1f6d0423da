"""The envelope `kservev2`: requests and answers of KServe v2, the open inference protocol, with tensors as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...utils.util import PredictionException
from .base import BaseEnvelope, json_object, list_in, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "bfloat16": "BF16",
}
TEXT = "BYTES"
KNOWN = (*DATATYPES.values(), TEXT)
INT64, UINT64 = range(-(2**63), 2**63), range(2**64)
# What brings mixed values into one datatype.
CONVERTERS: dict[str, Callable[[Any], Any]] = {"INT64": int, "UINT64": int, "FP64": float}
# numpy's limit, which TorchServe has too.
MAX_DIMENSIONS = 64


class KServev2Envelope(BaseEnvelope):
    """Hands over one dict for each input tensor of the first request, and answers with one output tensor for each.

    Several requests in one batch fail, as in TorchServe; the inputs make up a batch here.
    """

    def __init__(self, handle_fn: Callable[[Any, Any], Any]) -> None:
        super().__init__(handle_fn)
        self._id: str | None = None
        self._names: list[str] = []

    def parse_input(self, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the inputs, `data` of each nested as its `shape` says.

        Raises ValueError for what is missing or does not fit (TorchServe: 503), and PredictionException with 400 for an
        unknown datatype.
        """
        body = json_object(data[0])
        inputs = [_read(tensor) for tensor in list_in(body, "inputs")]
        self._id = body.get("id")
        self._names = [tensor["name"] for tensor in inputs]
        return inputs

    def format_output(self, data: Any) -> list[dict[str, Any]]:
        """Return the answer; an output has its input's name, and its values in a row (TorchServe)."""
        context = self.context
        model = ((context.manifest if context else None) or {}).get("model") or {}
        return [
            {
                "id": self._id or (context.get_request_id(0) if context else None),
                "model_name": model.get("modelName"),
                "model_version": model.get("modelVersion"),
                "outputs": [_written(name, values) for name, values in zip(self._output_names(), data)],
            }
        ]

    def _output_names(self) -> Iterator[str]:
        yield from self._names
        index = len(self._names)
        while True:
            yield f"output-{index}"
            index += 1


def _read(tensor: Any) -> dict[str, Any]:
    """Return an input tensor with nested data."""
    if not isinstance(tensor, dict) or not tensor.keys() >= {"name", "shape", "datatype", "data"}:
        raise ValueError("every input needs name, shape, datatype and data")
    name, datatype = tensor["name"], tensor["datatype"]
    if datatype not in KNOWN:
        message = f"input {name!r:.50}: the datatype {datatype!r:.50} is none of {', '.join(KNOWN)}"
        raise PredictionException(message, 400)
    values = _flat(list_in(tensor, "data"))
    if datatype == TEXT and len(values) == 1:
        return {**tensor, "data": values[0]}  # TorchServe: a single text is handed over as it is
    return {**tensor, "data": _nested(name, values, list_in(tensor, "shape"))}


def _nested(name: str, values: list[Any], shape: list[Any]) -> Any:
    """Return `values` as lists in lists by `shape`, where -1 is as much as the others leave."""
    if len(shape) > MAX_DIMENSIONS or not all(type(size) is int and size >= -1 for size in shape):
        raise ValueError(f"input {name!r:.50}: the shape {shape!r:.50} is none")
    known = math.prod(size for size in shape if size != -1)
    sizes = [len(values) // known if size == -1 and known else size for size in shape]
    if math.prod(sizes) != len(values):
        raise ValueError(f"input {name!r:.50}: {len(values)} values do not fit the shape {shape!r:.50}")
    if not sizes:
        return values[0]
    for size in reversed(sizes[1:] if values else ()):
        values = [values[start : start + size] for start in range(0, len(values), size)]
    return values


def _flat(values: Iterable[Any]) -> list[Any]:
    """Return what is in lists in lists, in order. Lists may be nested deeper than Python can recurse."""
    flat, open_lists = [], [iter(values)]
    while open_lists:
        for item in open_lists[-1]:
            if isinstance(item, (list, tuple)):
                open_lists.append(iter(item))
                break
            flat.append(item)
        else:
            open_lists.pop()
    return flat


def _written(name: str, values: Any) -> dict[str, Any]:
    """Return an output tensor of a tensor, an array, or lists of them or of Python's own values."""
    data = [item.decode() if isinstance(item, bytes) else item for item in _flat([plain(values)])]
    element = str(getattr(values, "dtype", "")).rpartition(".")[2]
    datatype = DATATYPES.get(element) or _datatype_of(data)
    convert = CONVERTERS.get(datatype)
    if convert and element not in DATATYPES:
        data = [convert(item) for item in data]
    return {"name": name, "datatype": datatype, "data": data, "shape": [len(data)]}


def _datatype_of(data: list[Any]) -> str:
    """Return the datatype that holds every value; numpy's choice, in TorchServe."""
    kinds = {type(item) for item in data}
    if kinds == {bool}:
        return "BOOL"
    if not kinds <= {bool, int, float}:
        return TEXT
    if float in kinds or not kinds:
        return "FP64"
    extremes = min(data), max(data)
    if all(extreme in INT64 for extreme in extremes):
        return "INT64"
    return "UINT64" if all(extreme in UINT64 for extreme in extremes) else TEXT
