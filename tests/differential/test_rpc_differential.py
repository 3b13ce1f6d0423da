"""The same gRPC calls to a real TorchServe and to `marina-server`: both must answer alike. `make differential` runs it.

The client is generated from a copy of TorchServe's interface, see tests/support/rpc_client.py.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # it has no stubs

from tests.differential import environment, packing
from tests.differential.rpc_calls import ARCHIVES, CALLS, RpcCall
from tests.differential.servers import Peer, both
from tests.support.peer_environments import PeerMissingError
from tests.support.rpc_client import RpcClient, calling, read

TRIES = 5
# What is a process's own, and what Marina alone tells.
OWN = {"id", "startTime", "memoryUsage", "pid", "state"}


@pytest.mark.differential
@pytest.mark.timeout(900)
def test_calls_are_answered_as_torchserve_does(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        environment.prepare()
    except PeerMissingError as missing:
        pytest.skip(str(missing))
    root = tmp_path_factory.mktemp("rpc")
    store = root / "store"
    store.mkdir()
    packing.pack(ARCHIVES, store)
    with both(root, store, {"TS_OPEN_INFERENCE_PROTOCOL": "oip"}) as peers:
        theirs, ours = (asyncio.run(answers_of(peer)) for peer in peers)
    told = zip(CALLS, theirs, ours, strict=True)
    different = [f"{call}\n  TorchServe: {one}\n  Marina:     {other}" for call, one, other in told if one != other]
    assert not different, f"{len(different)} of {len(CALLS)} differ\n" + "\n".join(different)


async def answers_of(peer: Peer) -> list[Any]:
    """Return what a server says to every call."""
    async with calling(f"127.0.0.1:{peer.grpc_inference}", f"127.0.0.1:{peer.grpc_management}") as client:
        return [await answer_to(client, call) for call in CALLS]


async def answer_to(client: RpcClient, call: RpcCall) -> Any:
    """Return the answers to a call, and how it ended, as what can be compared."""
    if call.rpc == "StreamPredictions2":
        for _ in range(TRIES):
            answers = [comparable(one) for one in await client.sequence(*call.requests)]
            # TorchServe at times answers a stream that has ended, and with that breaks the whole connection.
            if not any("Stream removed" in str(one) for one in answers):
                break
        return answers
    [fields] = call.requests
    if call.rpc == "StreamPredictions":
        method, request = client.method(call.interface, call.rpc)
        return [comparable(one) for one in await read(method(request(**fields)))]
    ended = await client.one(call.interface, call.rpc, **fields)
    return (*ended.status, comparable(ended.answer))


def comparable(answer: Any) -> Any:
    """Return a message as a dict; JSON in it is read, and what is a process's own left out."""
    if answer is None or isinstance(answer, tuple):
        return answer
    # The pool that this is in knows what may stand in a status.
    value = json_format.MessageToDict(answer, descriptor_pool=error_details_pb2.DESCRIPTOR.pool)
    if value.get("msg", "")[:1] in {"[", "{"}:
        value = json.loads(value["msg"])
        for version in value if isinstance(value, list) else ():
            version["workers"] = [{**worker, **dict.fromkeys(OWN, "")} for worker in version["workers"]]
            # Marina's descriptions tell more, on REST too; a handler with nothing to say has no field there.
            version["engine"] = "Torch"
            version.setdefault("customizedMetadata", {})
    return value
