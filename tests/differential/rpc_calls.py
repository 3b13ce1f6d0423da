"""The gRPC calls that both servers get alike, one after the other. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.differential.packing import Archive

SEQUENCES = (
    "minWorkers: 1\nmaxWorkers: 1\nsequenceBatching: true\nbatchSize: 4\nmaxBatchDelay: 50\n"
    "sequenceMaxIdleMSec: 60000\nmaxNumSequence: 4\nmaxSequenceJobQueueSize: 10\n"
)
ARCHIVES = (
    Archive("plain", "do_nothing.py"),
    Archive("plain", "do_nothing.py", "2.0"),
    Archive("self", "explain_itself.py"),
    Archive("wishes", "rpc_wishes.py"),
    Archive("sequences", "rpc_sequences.py", config=SEQUENCES),
    Archive("tensors", "rpc_tensors.py"),
)
# Not 413: in Marina it belongs to a request's size alone, on REST too, and a handler's is 507.
STATUSES = (400, 401, 402, 403, 404, 405, 409, 416, 418, 429, 499, 500, 501, 503, 504, 507)


class RpcCall(NamedTuple):
    """One call: which interface, which rpc, and its requests; several are sent one after the other."""

    interface: str
    rpc: str
    requests: tuple[dict[str, Any], ...]


def one(interface: str, rpc: str, **fields: Any) -> RpcCall:
    return RpcCall(interface, rpc, (fields,))


def manage(rpc: str, **fields: Any) -> RpcCall:
    return one("management", rpc, **fields)


def wish(text: bytes, rpc: str = "Predictions") -> RpcCall:
    return one("inference", rpc, model_name="wishes", input={"data": text})


def sequence(*requests: dict[str, Any]) -> RpcCall:
    return RpcCall("inference", "StreamPredictions2", requests)


def tensor(datatype: str, field: str, *data: Any) -> RpcCall:
    given = {"name": "x", "datatype": datatype, "shape": [len(data)], "contents": {field: data}}
    return one("open_inference", "ModelInfer", model_name="tensors", id="1", inputs=[given])


def registered(archive: Archive) -> RpcCall:
    return manage("RegisterModel", url=archive.file, initial_workers=1, synchronous=True)


MANAGED = (
    manage("ListModels"),
    manage("RegisterModel"),
    manage("RegisterModel", url="nothing.mar"),
    manage("RegisterModel", url="../x.mar"),
    manage("RegisterModel", url="plain-1.0.mar", runtime="java"),
    manage("RegisterModel", url="plain-1.0.mar"),
    manage("RegisterModel", url="plain-1.0.mar"),
    *(registered(archive) for archive in ARCHIVES[1:]),
    manage(
        "RegisterModel",
        url="plain-1.0.mar",
        model_name="numbers",
        batch_size=-4,
        max_batch_delay=-1,
        initial_workers=-1,
        response_timeout=-2,
    ),
    *(
        manage("ListModels", limit=limit, next_page_token=token)
        for limit in (0, 2, -1, 200)
        for token in (0, 2, 50, -5)
    ),
    *(
        manage("DescribeModel", model_name=name, model_version=version)
        for name, version in (("plain", ""), ("plain", "all"), ("zz", ""), ("plain", "9"), ("", ""))
    ),
    *(manage("DescribeModel", model_name=name, customized=True) for name in ("self", "plain", "zz")),
    manage("ScaleWorker", model_name="plain", model_version="2.0", min_worker=2, synchronous=True),
    manage("ScaleWorker", model_name="plain", model_version="2.0", min_worker=1, synchronous=True),
    manage("ScaleWorker", model_name="zz", min_worker=1),
    manage("ScaleWorker", model_name="plain", model_version="9"),
    manage("ScaleWorker", model_name="plain", model_version="2.0", min_worker=3, max_worker=2),
    manage("ScaleWorker"),
    manage("ScaleWorker", model_name="numbers", synchronous=True),
    manage("SetDefault", model_name="plain", model_version="2.0"),
    manage("SetDefault", model_name="zz", model_version="1"),
    manage("SetDefault", model_name="plain", model_version="7"),
    manage("SetDefault"),
    manage("SetDefault", model_name="plain"),
    manage("UnregisterModel", model_name="plain"),
    manage("UnregisterModel", model_name="zz"),
    manage("UnregisterModel", model_name="plain", model_version="9"),
    manage("UnregisterModel"),
    manage("UnregisterModel", model_name="numbers", model_version="1.0"),
)
PREDICTED = (
    one("inference", "Ping"),
    wish(b""),
    one("inference", "Predictions", model_name="wishes", input={"data": b"x", "other": b"\xff"}, sequence_id="s"),
    one("inference", "Predictions", model_name="wishes"),
    *(
        one("inference", rpc, model_name=name, model_version=version)
        for rpc in ("Predictions", "StreamPredictions")
        for name, version in (("", ""), ("zz", ""), ("wishes", "7"), ("plain", "1.0"))
    ),
    *(wish(b"status %d" % status) for status in STATUSES),
    wish(b"raise"),
    wish(b"set"),
    wish(b"parts", "StreamPredictions"),
    wish(b"half", "StreamPredictions"),
)
# Each message waits for its answer: TorchServe drops what it has not answered when the client has said its last word.
SEQUENCED = (
    sequence(*({"model_name": "sequences", "sequence_id": "a", "input": {"data": b"%d" % n}} for n in range(3))),
    sequence({"model_name": "sequences"}, {"model_name": "sequences", "sequence_id": "b", "input": {"data": b"2"}}),
    sequence({"model_name": "sequences", "input": {"ts_request_sequence_start": b"true"}}),
    sequence({"model_name": "zz", "sequence_id": "a"}),
    sequence({"model_name": "wishes", "sequence_id": "a"}),
    sequence({"sequence_id": "a"}),
    sequence(),
)
TENSORS = (
    *(
        one("open_inference", rpc)
        for rpc in ("ServerLive", "ServerReady", "ServerMetadata", "ModelReady", "ModelInfer")
    ),
    *(one("open_inference", "ModelReady", name=name) for name in ("tensors", "zz")),
    one("open_inference", "ModelReady", name="plain", version="1.0"),
    one("open_inference", "ModelReady", name="tensors", version="8"),
    *(one("open_inference", "ModelMetadata", name=name) for name in ("plain", "zz", "")),
    tensor("INT32", "int_contents", 1, -2),
    tensor("INT64", "int64_contents", 1, -2),
    tensor("UINT8", "uint_contents", 1, 2),
    tensor("UINT64", "uint64_contents", 1, 2),
    tensor("FP32", "fp32_contents", 1.5, 0.1),
    tensor("FP64", "fp64_contents", 1.25, 0.1),
    tensor("BOOL", "bool_contents", *(True, False)),
    tensor("BYTES", "bytes_contents", b"ab", b"\xff"),
    tensor("FP16", "fp32_contents", 1.0),
    one("open_inference", "ModelInfer", model_name="zz"),
    one("open_inference", "ModelInfer", model_name="plain", model_version="1.0"),
    # Last of all: in TorchServe the worker dies of it.
    one("open_inference", "ModelInfer", model_name="tensors", id="odd"),
)
CALLS = (*MANAGED, *PREDICTED, *SEQUENCED, *TENSORS)
