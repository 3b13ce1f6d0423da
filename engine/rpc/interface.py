"""The messages and services of the .proto files, out of the descriptors that the build made of them. Pure.

They live in a pool of their own: a client of the same interface in the same process does not get in the way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor

DESCRIPTORS = Path(__file__).parent / "protos" / "interface.binpb"
INFERENCE = "org.pytorch.serve.grpc.inference"
MANAGEMENT = "org.pytorch.serve.grpc.management"
OPEN_INFERENCE = "org.pytorch.serve.grpc.openinference"
INFERENCE_SERVICE = f"{INFERENCE}.InferenceAPIsService"
MANAGEMENT_SERVICE = f"{MANAGEMENT}.ManagementAPIsService"
# KServe's own clients know the second name alone.
OPEN_INFERENCE_SERVICES = (f"{OPEN_INFERENCE}.GRPCInferenceService", "inference.GRPCInferenceService")


def _pool() -> descriptor_pool.DescriptorPool:
    """Read the descriptors; raises ImportError where the build has not made them."""
    try:
        made = DESCRIPTORS.read_bytes()
    except FileNotFoundError:
        raise ImportError(f"{DESCRIPTORS} is missing; `pip install -e .` makes it") from None
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(made).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _pool()


def message(name: str) -> Any:
    """Return the class of a message by its full name."""
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(name))


def methods(service: str) -> list[MethodDescriptor]:
    """Return what a service offers, by its full name."""
    return list(POOL.FindServiceByName(service).methods)
