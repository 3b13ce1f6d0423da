"""StreamPredictions2: requests of sequences, each answered by itself. Workers are fakes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.engine.rpc.conftest import Call, until_pending
from tests.support.rpc_client import RpcClient, read
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

RECORDED = {"api_dialect": "torchserve-0.12"}
ONE = {"url": "sequences-1.0.mar", "initial_workers": 1, "synchronous": True}
START, END = "ts_request_sequence_start", "ts_request_sequence_end"


def of(sequence: str, **more: bytes) -> dict[str, Any]:
    return {"model_name": "sequences", "sequence_id": sequence, "input": {"data": b"x", **more}}


def test_each_request_is_a_job_of_its_sequence(call: Call) -> None:
    launcher = FakeLauncher()

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        answers = await client.sequence(of("a"), of("a"), of("b", **{END: b"True"}))
        assert [(one.prediction, one.sequence_id) for one in answers] == [(b"OK", "a"), (b"OK", "a"), (b"OK", "b")]
        jobs = [job["headers"] for job in launcher.workers[0].jobs]
        assert [job["ts_request_sequence_id"] for job in jobs] == ["a", "a", "b"]
        assert [job.get(END) for job in jobs] == [None, None, "true"]

    call(scenario, launcher)


def test_a_request_may_begin_a_sequence_that_its_answer_names(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        [first] = await client.sequence(of("", **{START: b"true"}))
        assert first.sequence_id.startswith("ts-seq-")

    call(scenario)


def test_answers_come_after_the_client_has_said_its_last_word(call: Call) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        method, request = client.method("inference", "StreamPredictions2")
        asking = asyncio.gather(read(method(iter([request(**of("a")), request(**of("b"))]))))
        worker = launcher.workers[0]
        await asyncio.wait_for(launcher.received.wait(), 10)
        launcher.holding = False
        worker.reply(1, len(worker.jobs))
        [answers] = await asking
        assert sorted(one.sequence_id for one in answers) == ["a", "b"]

    call(scenario, launcher)


def test_what_is_wrong_with_one_request_is_an_answer_and_the_stream_goes_on(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        wrong, right = await client.sequence(of(""), of("a"))
        assert (wrong.status.code, wrong.status.message) == (3, "Parameter sequenceId is required.")
        assert (right.prediction, right.HasField("status")) == (b"OK", False)

    call(scenario)


def test_a_model_that_is_not_there_or_takes_no_sequences_ends_the_stream(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", url="noop-1.0.mar")
        assert await answers_to(client, model_name="zz", sequence_id="a") == [("NOT_FOUND", "Model not found: zz")]
        [(code, text)] = await answers_to(client, model_name="noop", sequence_id="a")
        assert code == "INVALID_ARGUMENT"
        assert "sequenceBatching" in text
        [(code, _)] = await answers_to(client)
        assert code == "INVALID_ARGUMENT"

    call(scenario)


async def answers_to(client: RpcClient, **fields: Any) -> list[Any]:
    method, request = client.method("inference", "StreamPredictions2")
    return await read(method(iter([request(**fields)])))


def test_torchserve_answers_in_its_own_way(call: Call) -> None:
    launcher = FakeLauncher()

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        await client.manage("RegisterModel", url="noop-1.0.mar")
        wrong, right = await client.sequence(of("", **{START: b"true"}), of("a", **{END: b"false"}))
        assert (wrong.status.code, wrong.status.message) == (13, "Parameter sequenceId is required.")
        assert wrong.status.details[0].value == b"\n\x16BadRequestException.()"
        assert wrong.status.details[0].type_url == "type.googleapis.com/google.rpc.ErrorInfo"
        assert (right.prediction, right.HasField("sequence_id")) == (b"OK", False)
        assert launcher.workers[0].jobs[0]["headers"] == {"ts_request_sequence_id": "a", END: "true"}
        assert await answers_to(client, model_name="noop", sequence_id="a") == [("UNKNOWN", "")]
        unknown, ended = await answers_to(client, model_name="zz", sequence_id="a")
        assert (unknown.status.message, ended) == ("Model not found: zz", ("UNKNOWN", ""))
        unnamed, ended = await answers_to(client, sequence_id="a")
        assert (unnamed.status.message, ended) == ("Parameter model_name is required.", ("UNKNOWN", ""))

    call(scenario, launcher, **RECORDED)


def test_a_client_that_goes_takes_its_requests_along(call: Call) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(client: RpcClient, server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        method, request = client.method("inference", "StreamPredictions2")
        going = method()
        await going.write(request(**of("a")))
        await asyncio.wait_for(launcher.received.wait(), 10)
        await going.write(request(**of("a")))
        await until_pending(server, "sequences", 1)
        going.cancel()
        await until_pending(server, "sequences", 0)
        launcher.workers[0].reply(1)

    call(scenario, launcher)


def test_a_stream_that_is_not_read_holds_a_few_answers_and_gives_them_up_when_it_ends(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    body = bytes(1_000_000)
    launcher = FakeLauncher(answer=(0, "", {}, body))

    async def scenario(client: RpcClient, server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        method, request = client.method("inference", "StreamPredictions2")
        going = method(iter([request(**of(f"s{number % 4}")) for number in range(300)]))
        held = server.engine.memory.answers
        await going.read()
        async with asyncio.timeout(20):
            while len(launcher.workers[0].jobs) < 32 or held.bytes < 8 * len(body):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(launcher.workers[0].jobs) < 100
        assert held.bytes < 100 * len(body)
        going.cancel()
        async with asyncio.timeout(20):
            # grpcio's traceback keeps the batches of the answer that it could not send and of the next one.
            while held.bytes > 8 * len(body) + 4096:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    call(scenario, launcher)
    caplog.clear()
