"""Load on one gRPC port: unary predictions, each client on a connection of its own. Blocking."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc

from engine.rpc.interface import INFERENCE, INFERENCE_SERVICE, message
from tests.benchmarks.load import Load

Request = message(f"{INFERENCE}.PredictionsRequest")
# Without this grpcio would let all clients share one connection.
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


def rpc_load(port: int, model: str, clients: int, seconds: float) -> Load:
    """Let so many clients ask for so long, each one again as soon as it has its answer."""
    return asyncio.run(_all(port, model, clients, seconds))


async def _all(port: int, model: str, clients: int, seconds: float) -> Load:
    latencies: list[float] = []
    started = time.perf_counter()
    await asyncio.gather(*(_client(port, model, started + seconds, latencies) for _ in range(clients)))
    took = time.perf_counter() - started
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    return Load(len(latencies) / took, p50, p99)


async def _client(port: int, model: str, until: float, latencies: list[float]) -> None:
    request: Any = Request(model_name=model, input={"data": b"{}"}).SerializeToString()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", OWN_CONNECTION) as channel:
        # Bytes in and out: what is measured is the server.
        predict: Any = channel.unary_unary(f"/{INFERENCE_SERVICE}/Predictions")
        while (sent := time.perf_counter()) < until:
            await predict(request)
            latencies.append(time.perf_counter() - sent)
