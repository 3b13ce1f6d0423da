"""The inference service: pings and predictions, whole and in parts. Workers are fakes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from engine.runtime.frames import Kind
from tests.engine.rpc.conftest import Call, until_pending
from tests.support.rpc_client import TIMEOUT, RpcClient
from tests.support.servers import Server
from tests.support.workers import FakeLauncher, FakeWorker

HTTP = "org.pytorch.serve.http."
MODEL = "org.pytorch.serve.archive.model."
RECORDED = {"api_dialect": "torchserve-0.12"}
ONE = {"url": "noop-1.0.mar", "initial_workers": 1, "synchronous": True}
NO_WORKER = (
    'Model "noop" Version 2.0" has no worker to serve inference request. Please use scale workers API to add workers. '
    "If this is a sequence inference, please check if it is closed, or expired; or exceeds maxSequenceJobQueueSize"
)


def fails(worker: FakeWorker, status: int, message: str, batch: int = 1) -> None:
    worker._send(Kind.FAILED, {"batch": batch, "code": status, "message": message})


def gives(worker: FakeWorker, kind: Kind, part: bytes, batch: int = 1) -> None:
    worker._send(kind, {"batch": batch, "results": [[len(part), 0, "", {}]]}, part)


async def taken(launcher: FakeLauncher) -> FakeWorker:
    """Wait until a worker has a request, and return it."""
    async with asyncio.timeout(TIMEOUT):
        await launcher.received.wait()
    return launcher.workers[0]


def test_a_ping_tells_how_the_models_are(call: Call) -> None:
    async def scenario(client: RpcClient, server: Server) -> None:
        ping = await client.one("inference", "Ping")
        assert ping.answer.health == '{\n  "status": "Healthy"\n}'
        server.engine.is_healthy = lambda: False  # type: ignore[method-assign]
        ping = await client.one("inference", "Ping")
        assert json.loads(ping.answer.health) == {"status": "Unhealthy"}

    call(scenario)


def test_a_prediction_gives_what_the_handler_returns_whatever_status_it_sets(call: Call) -> None:
    launcher = FakeLauncher(answer=(404, "Nope", {"x-own": "1"}, b"result"))

    async def scenario(client: RpcClient, server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        done = await client.one("inference", "Predictions", model_name="noop", input={"a": b"\x00\xff", "b": b""})
        assert (done.code, done.answer.prediction) == ("OK", b"result")
        [job] = launcher.workers[0].jobs
        assert sorted(map(tuple, job["inputs"])) == [("a", "", 2), ("b", "", 0)]
        assert done.trailing["x-request-id"] == job["id"]
        assert sum(traffic.requests for traffic in server.engine.metrics._traffic.values()) == 1

    call(scenario, launcher)


def test_metadata_reaches_the_handler_as_headers_but_for_what_is_binary(call: Call) -> None:
    launcher = FakeLauncher()

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        await client.predict("noop", model_version="1.0")
        headers = launcher.workers[0].jobs[0]["headers"]
        assert headers["x-mine"] == "7"
        assert "x-own-bin" not in headers

    call(scenario, launcher, {"metadata": (("x-mine", "7"), ("x-own-bin", b"\x00"))})


def test_torchserve_gives_the_handler_no_metadata_and_tells_no_id(call: Call) -> None:
    launcher = FakeLauncher()

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        done = await client.predict("noop")
        assert launcher.workers[0].jobs[0]["headers"] == {}
        assert "x-request-id" not in done.trailing

    call(scenario, launcher, {"metadata": (("x-mine", "7"),)}, **RECORDED)


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    ("fields", "ours", "theirs"),
    [
        ({}, ("INVALID_ARGUMENT", "Parameter model_name is required."), "BadRequestException.()"),
        ({"model_name": "zz"}, ("NOT_FOUND", "Model not found: zz"), f"{MODEL}ModelNotFoundException"),
        (
            {"model_name": "noop", "model_version": "9"},
            ("NOT_FOUND", "Model version: 9 does not exist for model: noop"),
            f"{MODEL}ModelVersionNotFoundException",
        ),
        ({"model_name": "noop", "model_version": "2.0"}, ("UNAVAILABLE", NO_WORKER), "InternalServerException.()"),
    ],
)
def test_what_cannot_be_predicted_is_told(
    call: Call, fields: dict[str, Any], ours: tuple[str, str], theirs: str, *, recorded: bool
) -> None:
    expected = ("INTERNAL", f"{ours[1]}\n{theirs}") if recorded else ours

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        await client.manage("RegisterModel", url="noop-2.0.mar")
        ended = await client.one("inference", "Predictions", **fields)
        assert ended.status == expected
        assert await client.stream(**fields) == [expected]
        assert ("x-marina-reason" in ended.trailing) == (not recorded and ours[0] == "UNAVAILABLE")

    call(scenario, **(RECORDED if recorded else {}))


@pytest.mark.parametrize("settings", [{}, RECORDED])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (402, "FAILED_PRECONDITION"), (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"), (409, "ABORTED"), (413, "RESOURCE_EXHAUSTED"), (416, "OUT_OF_RANGE"),
        (418, "FAILED_PRECONDITION"), (429, "RESOURCE_EXHAUSTED"), (499, "CANCELLED"), (500, "INTERNAL"),
        (501, "UNIMPLEMENTED"), (503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED"), (507, "INTERNAL"), (302, "UNKNOWN"),
    ],
)  # fmt: skip
def test_a_handlers_own_failure_has_the_code_for_its_status(
    call: Call, status: int, code: str, settings: dict[str, Any]
) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        asking = asyncio.gather(client.predict("noop"))
        fails(await taken(launcher), status, "refused by hand")
        [ended] = await asking
        second = f"\n{HTTP}InternalServerException" if settings else ""
        assert ended.status == (code, f"refused by hand{second}")

    call(scenario, launcher, **settings)


def test_a_handlers_parts_come_one_by_one_and_a_unary_call_gets_the_first(call: Call) -> None:
    launcher = FakeLauncher(holding=True)

    async def answer_in_parts() -> None:
        worker = await taken(launcher)
        launcher.received.clear()
        batch = len(worker.jobs)
        gives(worker, Kind.PARTIAL, b"one", batch)
        gives(worker, Kind.PARTIAL, b"two", batch)
        gives(worker, Kind.REPLY, b"three", batch)

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        parts, _ = await asyncio.gather(client.stream(model_name="noop"), answer_in_parts())
        assert [part.prediction for part in parts] == [b"one", b"two", b"three"]
        whole, _ = await asyncio.gather(client.predict("noop"), answer_in_parts())
        assert whole.answer.prediction == b"one"
        launcher.holding = False
        assert [part.prediction for part in await client.stream(model_name="noop")] == [b"OK"]

    call(scenario, launcher)


def test_a_handler_that_fails_half_way_ends_the_stream_after_its_parts(call: Call) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        asking = asyncio.gather(client.stream(model_name="noop"))
        worker = await taken(launcher)
        gives(worker, Kind.PARTIAL, b"one")
        fails(worker, 418, "half way")
        [[part, ended]] = await asking
        assert (part.prediction, ended) == (b"one", ("FAILED_PRECONDITION", "half way"))

    call(scenario, launcher)


@pytest.mark.parametrize("deadline", [None, 0.2])
def test_a_call_that_is_cancelled_or_late_leaves_the_queue(call: Call, deadline: float | None) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(client: RpcClient, server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        predict, request = client.method("inference", "Predictions")
        running = asyncio.gather(client.predict("noop"))
        worker = await taken(launcher)
        waiting = predict(request(model_name="noop"), timeout=deadline)
        await until_pending(server, "noop", 1)
        if deadline is None:
            waiting.cancel()
        assert (await waiting.code()).name == ("CANCELLED" if deadline is None else "DEADLINE_EXCEEDED")
        await until_pending(server, "noop", 0)
        worker.reply(1)
        await running
        assert len(worker.jobs) == 1

    call(scenario, launcher)


def test_a_request_over_the_limit_is_refused_before_it_is_queued(call: Call) -> None:
    launcher = FakeLauncher()

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        assert (await client.predict("noop", b"x" * 900)).code == "OK"
        assert (await client.predict("noop", b"x" * 1100)).code == "RESOURCE_EXHAUSTED"
        assert len(launcher.workers[0].jobs) == 1

    call(scenario, launcher, max_request_size=1000)


def test_requests_that_wait_may_hold_so_much_together(call: Call) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", **ONE)
        first = asyncio.gather(client.predict("noop", b"x" * 600))
        worker = await taken(launcher)
        refused = await client.predict("noop", b"x" * 600)
        assert refused.code == "UNAVAILABLE"
        assert "max_request_memory" in refused.text
        worker.reply(1)
        assert (await first)[0].code == "OK"
        launcher.holding = False
        assert (await client.predict("noop", b"x" * 600)).code == "OK"

    call(scenario, launcher, max_request_memory=1000)


def test_an_error_that_nobody_foresaw_is_internal_and_in_the_log(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(client: RpcClient, server: Server) -> None:
        server.engine.predict = None  # type: ignore[assignment,method-assign]
        ended = await client.predict("noop")
        assert ended.status == ("INTERNAL", f"Marina failed to answer; its log names {ended.trailing['x-request-id']}.")

    call(scenario)
    assert "TypeError" in caplog.text
    caplog.clear()  # the traceback keeps the call alive
