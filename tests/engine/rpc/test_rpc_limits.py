"""Connections and calls of gRPC clients that do nothing are bounded. Workers are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from engine.metrics.traffic import Refused
from engine.ranges import RANGES
from tests.engine.rpc.conftest import Call
from tests.support.rpc_client import RpcClient, client_of
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
SEQUENCES = {"url": "sequences-1.0.mar", "initial_workers": 1, "synchronous": True}


@asynccontextmanager
async def idle(server: Server, count: int, first: bytes = b"") -> AsyncIterator[list[asyncio.StreamReader]]:
    """Open connections that send `first` and then nothing."""
    host, _, port = server.host.addresses["inference gRPC"].rpartition(":")
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(count)]
    for _, writer in opened:
        writer.write(first)
    try:
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.close()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server closes the connection within ten seconds."""
    try:
        async with asyncio.timeout(10):
            await reader.read()
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("first", [b"", PREFACE])
def test_an_idle_connection_is_closed(call: Call, first: bytes) -> None:
    async def scenario(_client: RpcClient, server: Server) -> None:
        async with idle(server, 30, first) as readers:
            assert await asyncio.gather(*map(ended, readers)) == [True] * 30
        async with client_of(server) as late:
            assert (await late.one("inference", "Ping")).code == "OK"

    call(scenario, stalled_connection_timeout=1, max_connections=10)


def test_connections_beyond_the_limit_are_closed_at_once(call: Call) -> None:
    async def scenario(_client: RpcClient, server: Server) -> None:
        async with idle(server, 30, PREFACE) as readers:
            async with asyncio.timeout(10):
                while sum(one.at_eof() or one.exception() is not None for one in readers) < 20:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert sum(one.at_eof() or one.exception() is not None for one in readers) == 20

    call(scenario, max_connections=10)


def test_silent_streams_end_and_deny_nobody_for_long(call: Call) -> None:
    async def scenario(client: RpcClient, server: Server) -> None:
        method, _ = client.method("inference", "StreamPredictions2")
        silent = [method() for _ in range(5)]
        codes = [await asyncio.wait_for(one.code(), 10) for one in silent]
        assert codes == [grpc.StatusCode.DEADLINE_EXCEEDED] * 5
        assert (await client.one("inference", "Ping")).code == "OK"
        assert server.engine.metrics.refusals[Refused.STALLED] == 5

    call(scenario, stalled_connection_timeout=1, max_connections=5)


def test_a_call_without_its_message_counts_for_a_while(call: Call) -> None:
    async def scenario(client: RpcClient, server: Server) -> None:
        address = server.host.addresses["inference gRPC"]
        async with grpc.aio.insecure_channel(address) as channel:
            calls: list[Any] = [
                channel.stream_stream(f"/org.pytorch.serve.grpc.inference.InferenceAPIsService/{name}")()
                for name in ("Ping", "Predictions", "StreamPredictions")
            ]
            async with asyncio.timeout(10):
                while server.engine.metrics.refusals[Refused.STALLED] < 3:  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.01)
            assert (await client.one("inference", "Ping")).code == "OK"
            for one in calls:
                one.cancel()

    call(scenario, stalled_connection_timeout=1, max_connections=3)


def test_a_stream_that_waits_for_its_answer_is_not_silent(call: Call) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(client: RpcClient, server: Server) -> None:
        await client.manage("RegisterModel", **SEQUENCES)
        method, request = client.method("inference", "StreamPredictions2")
        waiting, silent = method(), method()
        await waiting.write(request(model_name="sequences", sequence_id="a", input={"data": b"x"}))
        await asyncio.wait_for(launcher.received.wait(), 10)
        # The other stream, which began before, is ended in the meantime.
        await asyncio.wait_for(silent.code(), 10)
        launcher.workers[0].reply(1)
        assert (await asyncio.wait_for(waiting.read(), 10)).prediction == b"OK"
        assert server.engine.metrics.refusals[Refused.STALLED] == 1
        await waiting.done_writing()

    call(scenario, launcher, stalled_connection_timeout=1)


def test_the_longest_patience_is_taken(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        assert (await client.one("inference", "Ping")).code == "OK"

    longest = RANGES["response_timeout"][1]
    call(scenario, stalled_connection_timeout=longest, grpc_inference_max_connection_age_ms=2**40)
