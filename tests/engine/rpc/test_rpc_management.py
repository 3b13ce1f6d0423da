"""The management service: what REST does, by the same rules and in the same words. Workers are fakes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.rpc.conftest import Call
from tests.support.rpc_client import RpcClient
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

MODEL = "org.pytorch.serve.archive.model."
HTTP = "org.pytorch.serve.http."
RECORDED = {"api_dialect": "torchserve-0.12"}
NO_MODEL = "Model not found: zz"
NO_VERSION = "Model version: 9 does not exist for model: noop"
NO_NAME = "Parameter model_name is required."
SMALLER = "max_worker cannot be less than min_worker."


def test_a_model_is_registered_scaled_described_listed_made_default_and_removed(call: Call) -> None:
    async def scenario(client: RpcClient, server: Server) -> None:
        done = await client.manage("RegisterModel", url="noop-1.0.mar", initial_workers=1, synchronous=True)
        assert done.answer.msg == 'Model "noop" Version: 1.0 registered with 1 initial workers'
        await client.manage("RegisterModel", url="noop-2.0.mar", batch_size=3, max_batch_delay=7, response_timeout=9)
        done = await client.manage("ScaleWorker", model_name="noop", min_worker=2, synchronous=True)
        assert done.answer.msg == "Workers scaled to 2 for model: noop"
        described = await client.manage("DescribeModel", model_name="noop", model_version="all")
        first, second = json.loads(described.answer.msg)
        assert (first["minWorkers"], second["batchSize"], second["maxBatchDelay"]) == (2, 3, 7)
        assert (second["responseTimeout"], second["workers"]) == (9, [])
        assert [first, second] == await server.describe("noop/all")
        done = await client.manage("SetDefault", model_name="noop", model_version="2.0")
        assert done.answer.msg == 'Default version successfully updated for model "noop" to "2.0"'
        listed = await client.manage("ListModels")
        assert json.loads(listed.answer.msg) == {"models": [{"modelName": "noop", "modelUrl": "noop-2.0.mar"}]}
        done = await client.manage("UnregisterModel", model_name="noop", model_version="1.0")
        assert done.answer.msg == 'Model "noop" unregistered'

    call(scenario)


def test_numbers_that_are_not_above_0_are_not_given(call: Call) -> None:
    negative = dict.fromkeys(("batch_size", "initial_workers", "max_batch_delay", "response_timeout"), -4)

    async def scenario(client: RpcClient, server: Server) -> None:
        await client.manage("RegisterModel", url="noop-1.0.mar", startup_timeout=-1, **negative)
        [version] = await server.describe("noop")
        assert (version["batchSize"], version["maxBatchDelay"], version["responseTimeout"]) == (1, 100, 120)
        await client.manage("ScaleWorker", model_name="noop", min_worker=-1, max_worker=-1, timeout=-5)
        [version] = await server.describe("noop")
        assert (version["minWorkers"], version["maxWorkers"]) == (1, 1)

    call(scenario)


def test_pages_go_on_where_the_last_one_ended_and_no_limit_is_the_longest_page(call: Call) -> None:
    async def scenario(client: RpcClient, server: Server) -> None:
        await client.manage("RegisterModel", url="noop-1.0.mar")
        await client.manage("RegisterModel", url="noop-1.0.mar", model_name="other")
        first = json.loads((await client.manage("ListModels", limit=1)).answer.msg)
        assert (first["models"][0]["modelName"], first["nextPageToken"]) == ("noop", "1")
        second = json.loads((await client.manage("ListModels", limit=1, next_page_token=1)).answer.msg)
        assert second["models"][0]["modelName"] == "other"
        assert (
            json.loads((await client.manage("ListModels")).answer.msg) == (await server.manage("GET", "/models")).json
        )

    call(scenario)


def test_without_a_limit_torchserve_lists_nothing(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", url="noop-1.0.mar")
        assert json.loads((await client.manage("ListModels")).answer.msg) == {"nextPageToken": "0", "models": []}

    call(scenario, **RECORDED)


def test_a_registration_does_not_wait_unless_it_says_so(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        done = await client.manage("RegisterModel", url="noop-1.0.mar", initial_workers=1)
        assert done.answer.msg == "Processing worker updates..."

    call(scenario, FakeLauncher(loading=True), **RECORDED)


def test_a_description_may_ask_the_handler(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        await client.manage("RegisterModel", url="noop-1.0.mar", initial_workers=1, synchronous=True)
        told = await client.manage("DescribeModel", model_name="noop", customized=True)
        assert json.loads(told.answer.msg)[0]["customizedMetadata"] == '{"about": 1}'

    call(scenario, FakeLauncher(answer=(0, "", {}, b'{"about": 1}')))


NOT_FOUND = ("NOT_FOUND", NO_MODEL), ("NOT_FOUND", f"{NO_MODEL}\n{MODEL}ModelNotFoundException")
NO_WORKER = 'Model "noop" has no worker to serve describe request. Please use scale workers API to add workers.'
TAKEN = "Model version 1.0 is already registered for model noop"
LAST = "Cannot remove default version for model noop"
MISSING = "Model not found at: nothing.mar"
LARGE = "batch_size must be a number from 1 to 65536, not 1000000000."
Status = tuple[str, str]


def bad(text: str) -> tuple[Status, Status]:
    """What is wrong with a parameter is told alike in both dialects."""
    return ("INVALID_ARGUMENT", text), ("INVALID_ARGUMENT", f"{text}\n{HTTP}BadRequestException")


def unnamed(text: str) -> tuple[Status, Status]:
    """TorchServe drops the name that is missing and the reason with it."""
    return ("INVALID_ARGUMENT", NO_NAME), ("NOT_FOUND" if text else "UNKNOWN", text)


# rpc, fields, and how it ends: by the document, and in TorchServe 0.12.
ERRORS: list[tuple[str, dict[str, Any], tuple[Status, Status]]] = [
    ("DescribeModel", {"model_name": "zz"}, NOT_FOUND),
    (
        "DescribeModel",
        {"model_name": "noop", "model_version": "9"},
        (("NOT_FOUND", NO_VERSION), ("NOT_FOUND", f"{NO_VERSION}\n{MODEL}ModelVersionNotFoundException")),
    ),
    ("DescribeModel", {}, unnamed(f"Model not found: \n{MODEL}ModelNotFoundException")),
    (
        "DescribeModel",
        {"model_name": "noop", "customized": True},
        (("UNAVAILABLE", NO_WORKER), ("INTERNAL", f"InternalServerException.()\n{HTTP}InternalServerException")),
    ),
    (
        "DescribeModel",
        {"model_name": "zz", "customized": True},
        (("NOT_FOUND", NO_MODEL), ("INTERNAL", f"{NO_MODEL}\n{MODEL}ModelNotFoundException")),
    ),
    ("SetDefault", {"model_name": "zz"}, NOT_FOUND),
    ("SetDefault", {}, unnamed(f"Model not found: \n{MODEL}ModelNotFoundException")),
    ("ScaleWorker", {"model_name": "zz"}, NOT_FOUND),
    ("ScaleWorker", {"model_name": "noop", "min_worker": 3, "max_worker": 2}, bad(SMALLER)),
    ("ScaleWorker", {}, unnamed("")),
    ("UnregisterModel", {}, (unnamed("")[0], bad("Parameter url is required.")[1])),
    ("UnregisterModel", {"model_name": "zz"}, NOT_FOUND),
    ("UnregisterModel", {"model_name": "noop"}, (("PERMISSION_DENIED", LAST), ("UNKNOWN", ""))),
    ("RegisterModel", {}, bad("Parameter url is required.")),
    (
        "RegisterModel",
        {"url": "nothing.mar"},
        (("NOT_FOUND", MISSING), ("NOT_FOUND", f"{MISSING}\n{MODEL}ModelNotFoundException")),
    ),
    ("RegisterModel", {"url": "noop-1.0.mar", "runtime": "java"}, bad("Invalid RuntimeType value: java")),
    ("RegisterModel", {"url": "noop-1.0.mar"}, (("ALREADY_EXISTS", TAKEN), ("UNKNOWN", ""))),
    ("RegisterModel", {"url": "noop-1.0.mar", "model_name": "x", "batch_size": 10**9}, bad(LARGE)),
]


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(("rpc", "fields", "ends"), ERRORS)
def test_an_error_has_its_code_and_the_text_of_rest(
    call: Call, rpc: str, fields: dict[str, Any], ends: tuple[Status, Status], *, recorded: bool
) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        for url in ("noop-1.0.mar", "noop-2.0.mar"):
            assert (await client.manage("RegisterModel", url=url)).code == "OK"
        assert (await client.manage(rpc, **fields)).status == ends[recorded]

    call(scenario, **(RECORDED if recorded else {}))


@pytest.mark.parametrize("settings", [{}, RECORDED])
def test_workers_that_do_not_come_up_are_internal(call: Call, settings: dict[str, Any]) -> None:
    async def scenario(client: RpcClient, server: Server) -> None:
        done = await client.manage("RegisterModel", url="noop-1.0.mar", initial_workers=1, synchronous=True)
        assert done.code == "INTERNAL"
        assert done.text.startswith("Failed to start workers for model noop version: 1.0")
        assert await server.names() == []

    call(scenario, FakeLauncher(load_error="no weights"), **settings)


@pytest.mark.parametrize("rpc", ["RegisterModel", "UnregisterModel"])
def test_models_stay_as_they_are_while_the_model_api_is_off(call: Call, rpc: str) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        assert (await client.manage(rpc)).status == ("PERMISSION_DENIED", "Model API disabled")
        assert (await client.manage("ListModels")).code == "OK"

    call(scenario, enable_model_api=False)


def test_the_disabled_model_api_has_torchserves_second_line(call: Call) -> None:
    async def scenario(client: RpcClient, _server: Server) -> None:
        assert (await client.manage("RegisterModel")).text == f"Model API disabled\n{MODEL}ModelException"

    call(scenario, enable_model_api=False, **RECORDED)
