"""A gRPC client that protoc generates from a copy of TorchServe's interface, independent of Marina's own.

The copy is `rpc_interface/`; KServe's clients have the third file under a package of its own.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import google.rpc  # type: ignore[import-untyped]  # it has no stubs
import grpc
import grpc_tools  # type: ignore[import-untyped]  # it has no stubs
from google.protobuf import message_factory
from grpc_tools import protoc

from tests.support.servers import Server

INTERFACE = Path(__file__).parent / "rpc_interface"
TORCHSERVE_PACKAGE, KSERVE_PACKAGE = "package org.pytorch.serve.grpc.openinference;", "package inference;"
STUBS = {
    "inference": "InferenceAPIsServiceStub",
    "management": "ManagementAPIsServiceStub",
    "open_inference": "GRPCInferenceServiceStub",
    "kserve": "GRPCInferenceServiceStub",
}
TIMEOUT = 20.0


@cache
def generated() -> dict[str, tuple[Any, Any]]:
    """Return the messages and the stubs of each file of the interface, generated once for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        sys.path.insert(0, folder)
        try:
            return {
                name: (importlib.import_module(f"{name}_pb2"), importlib.import_module(f"{name}_pb2_grpc"))
                for name in STUBS
            }
        finally:
            sys.path.remove(folder)


def generate(folder: Path) -> None:
    """Write the Python modules that protoc makes of the interface into a folder, as users of TorchServe do."""
    for path in INTERFACE.glob("*.proto"):
        text = path.read_text(encoding="utf-8")
        Path(folder, path.name).write_text(text, encoding="utf-8")
        if path.stem == "open_inference":
            kserve = text.replace(TORCHSERVE_PACKAGE, KSERVE_PACKAGE)
            Path(folder, "kserve.proto").write_text(kserve, encoding="utf-8")
    folders = (folder, Path(grpc_tools.__path__[0]) / "_proto", Path(google.rpc.__path__[0]).parents[1])
    command = ["protoc", *(f"-I{one}" for one in folders), f"--python_out={folder}", f"--grpc_python_out={folder}"]
    assert protoc.main([*command, *(f"{name}.proto" for name in STUBS)]) == 0


@dataclass(frozen=True)
class Ended:
    """How a call ended: the code's name, its text, the answer and the metadata that came after it."""

    code: str
    text: str = ""
    answer: Any = None
    trailing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> tuple[str, str]:
        return self.code, self.text


class RpcClient:
    """Calls one server by the names of rpcs; their requests are given as fields."""

    def __init__(self, channels: Mapping[str, Any], metadata: tuple[tuple[str, Any], ...] = ()) -> None:
        """`channels` by the names of the interface's files."""
        self._metadata = metadata
        self._stubs = {name: getattr(generated()[name][1], STUBS[name])(channel) for name, channel in channels.items()}

    def method(self, name: str, rpc: str) -> tuple[Any, Any]:
        """Return what calls the rpc, and the class of its request."""
        messages = generated()[name][0]
        [service] = messages.DESCRIPTOR.services_by_name.values()
        wanted = service.methods_by_name[rpc].input_type
        return getattr(self._stubs[name], rpc), getattr(messages, wanted.name, None) or message_factory.GetMessageClass(
            wanted
        )

    async def one(self, interface: str, rpc: str, /, **fields: Any) -> Ended:
        """Call an rpc that has one answer."""
        call, request = self.method(interface, rpc)
        going = call(request(**fields), metadata=self._metadata, timeout=TIMEOUT)
        try:
            answer = await going
        except grpc.aio.AioRpcError as error:
            return Ended(error.code().name, error.details() or "", None, dict(error.trailing_metadata() or ()))
        return Ended("OK", "", answer, dict(await going.trailing_metadata()))

    async def predict(self, model: str, data: bytes = b"", **fields: Any) -> Ended:
        return await self.one("inference", "Predictions", model_name=model, input={"data": data}, **fields)

    async def manage(self, rpc: str, **fields: Any) -> Ended:
        return await self.one("management", rpc, **fields)

    async def stream(self, **fields: Any) -> list[Any]:
        """Return the answers of StreamPredictions; last of all how it ended, unless well."""
        call, request = self.method("inference", "StreamPredictions")
        return await read(call(request(**fields), metadata=self._metadata, timeout=TIMEOUT))

    async def sequence(self, *requests: Mapping[str, Any]) -> list[Any]:
        """Return the answers of StreamPredictions2 to one request after the other, each sent once the last has one."""
        call, request = self.method("inference", "StreamPredictions2")
        going = call(metadata=self._metadata, timeout=TIMEOUT)
        found = []
        try:
            for fields in requests:
                await going.write(request(**fields))
                found.append(await going.read())
            await going.done_writing()
            while (one := await going.read()) is not grpc.aio.EOF:
                found.append(one)
        except grpc.aio.AioRpcError as error:
            found.append((error.code().name, error.details()))
        return found


async def read(going: Any) -> list[Any]:
    """Return the answers of a call as they come; last of all how it ended, unless well."""
    found: list[Any] = []
    try:
        async for one in going:
            found.append(one)  # noqa: PERF401 - what came before a failure counts
    except grpc.aio.AioRpcError as error:
        found.append((error.code().name, error.details()))
    return found


@asynccontextmanager
async def calling(
    inference: str,
    management: str,
    metadata: Iterable[tuple[str, Any]] = (),
    credentials: grpc.ChannelCredentials | None = None,
) -> AsyncIterator[RpcClient]:
    """Give a client of the servers at these addresses."""
    async with _channel(inference, credentials) as predicting, _channel(management, credentials) as managing:
        channels = {name: managing if name == "management" else predicting for name in STUBS}
        yield RpcClient(channels, tuple(metadata))


@asynccontextmanager
async def client_of(server: Server, **options: Any) -> AsyncIterator[RpcClient]:
    """Give a client of a running Host."""
    addresses = server.host.addresses
    async with calling(addresses["inference gRPC"], addresses["management gRPC"], **options) as client:
        yield client


def _channel(address: str, credentials: grpc.ChannelCredentials | None) -> Any:
    if credentials is None:
        return grpc.aio.insecure_channel(address)
    return grpc.aio.secure_channel(address, credentials)
