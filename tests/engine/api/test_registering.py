"""Registering a model over HTTP: every way it ends, and what is left then. Workers are fakes."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

import pytest

from engine.snapshots import WorkerState
from tests.engine.api.conftest import Serve
from tests.support.archives import archive
from tests.support.servers import Server, make_home, make_settings, serving, unpacked, until, until_state
from tests.support.workers import FakeLauncher

PROCESSING = "Processing worker updates..."
NOOP = "url=noop-1.0.mar"


def test_registering_without_workers_says_so_and_keeps_the_defaults(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.register(NOOP)
        assert answer.status == 200
        assert answer.text == (
            'Model "noop" Version: 1.0 registered with 0 initial workers. '
            "Use scale workers API to add workers for the model."
        )
        (found,) = await server.describe("noop")
        assert list(found)[:9] == [
            "modelName", "modelVersion", "modelUrl", "engine", "runtime",
            "minWorkers", "maxWorkers", "batchSize", "maxBatchDelay",
        ]  # fmt: skip
        assert found["modelUrl"] == "noop-1.0.mar"
        assert (found["minWorkers"], found["maxWorkers"], found["batchSize"], found["maxBatchDelay"]) == (0, 0, 1, 100)
        assert (found["responseTimeout"], found["startupTimeout"], found["loadedAtStartup"]) == (120, 120, False)
        assert (found["parallelType"], found["stateful"], found["useJobTicket"]) == ("", False, False)
        assert found["workers"] == []
        assert found["jobQueueStatus"] == {"remainingCapacity": 100, "pendingRequests": 0}

    serve(scenario)


def test_registering_with_workers_does_not_wait_unless_asked(serve: Serve) -> None:
    launcher = FakeLauncher(loading=True)

    async def scenario(server: Server) -> None:
        answer = await server.register(f"{NOOP}&initial_workers=1")
        assert (answer.status, answer.text) == (202, PROCESSING)
        await until_state(server.engine, "noop", WorkerState.LOADING)
        (found,) = await server.describe("noop")
        assert [worker["status"] for worker in found["workers"]] == ["UNLOADING"]
        launcher.workers[0].finish_loading()
        await until_state(server.engine, "noop", WorkerState.READY)
        (worker,) = (await server.describe("noop"))[0]["workers"]
        assert worker["status"] == "READY"
        assert worker["pid"] == launcher.workers[0].pid
        assert (worker["id"], worker["gpu"], worker["gpuUsage"]) == ("9000", False, "N/A")
        assert worker["startTime"].endswith("Z")
        assert "lastDeath" not in worker

    serve(scenario, launcher)


def test_registering_synchronously_waits_for_every_worker(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.register(f"{NOOP}&initial_workers=2&synchronous=true")
        assert (answer.status, answer.text) == (200, 'Model "noop" Version: 1.0 registered with 2 initial workers')
        (found,) = await server.describe("noop")
        assert [worker["status"] for worker in found["workers"]] == ["READY", "READY"]

    serve(scenario)


def test_torchserves_own_dialect_waits_when_nothing_is_said(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.register(f"{NOOP}&initial_workers=1")).status == 200

    serve(scenario, api_dialect="torchserve-0.12")


def test_every_parameter_of_the_query_counts(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        query = (
            "&model_name=other&handler=service:handle&runtime=PYTHON3&batch_size=4&max_batch_delay=7"
            "&response_timeout=8&startup_timeout=9&unknown=1"
        )
        assert (await server.register(NOOP + query)).status == 200
        (found,) = await server.describe("other")
        picked = ("runtime", "batchSize", "maxBatchDelay", "responseTimeout", "startupTimeout")
        assert [found[key] for key in picked] == ["python3", 4, 7, 8, 9]

    serve(scenario)


def test_a_json_body_counts_alone(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        body = {"url": "noop-1.0.mar", "batch_size": "3", "initial_workers": 1, "synchronous": True}
        answer = await server.manage("POST", "/models?model_name=ignored", json=body)
        assert answer.text == 'Model "noop" Version: 1.0 registered with 1 initial workers'
        assert (await server.describe("noop"))[0]["batchSize"] == 3

    serve(scenario)


@pytest.mark.parametrize("body", ["", "{", "[]", "[" * 100_000, "\udcff", '{"url": []}', "{}", '{"url": null}'])
def test_a_json_body_that_says_nothing_useful_is_a_bad_request(serve: Serve, body: str) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.manage(
            "POST", "/models", data=body.encode(errors="surrogateescape"), headers={"Content-Type": "application/json"}
        )
        assert answer.error[:2] == (400, "BadRequestException")

    serve(scenario)


def test_an_empty_json_body_leaves_the_query_in_force(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        headers = {"Content-Type": "application/json"}
        assert (await server.manage("POST", f"/models?{NOOP}", headers=headers)).status == 200
        assert (await server.manage("PUT", "/models/noop?min_worker=2", headers=headers)).status == 202
        await until(server.engine, lambda: server.engine.describe("noop")[0].ready_workers == 2)

    serve(scenario)


BAD_REGISTRATIONS = [
    ("", 400, "BadRequestException", "Parameter url is required."),
    ("url=", 404, "ModelNotFoundException", "empty url"),
    ("url=none.mar", 404, "ModelNotFoundException", "Model not found at: none.mar"),
    ("url=../noop-1.0.mar", 404, "ModelNotFoundException", "Relative path is not allowed in url: ../noop-1.0.mar"),
    ("url=no-zip.mar", 400, "InvalidModelException", "no-zip.mar"),
    ("url=no-manifest.mar", 400, "InvalidModelException", "Model name is not defined."),
    ("url=no-handler-1.0.mar", 400, "InvalidModelException", "does not contain its handler"),
    (f"{NOOP}&handler=missing:run&initial_workers=1", 400, "InvalidModelException", "does not contain its handler"),
    (f"{NOOP}&handler=:run", 400, "InvalidModelException", "does not contain its handler"),
    (f"{NOOP}&model_name=a/b", 400, "InvalidModelException", "must not hold a slash"),
    (f"{NOOP}&runtime=java", 400, "BadRequestException", "Invalid RuntimeType value: java"),
    (f"{NOOP}&batch_size=0", 400, "BadRequestException", "batch_size must be a number from 1 to 65536, not 0."),
    (f"{NOOP}&batch_size=x", 400, "BadRequestException", "batch_size must be a whole number, not 'x'."),
    (f"{NOOP}&initial_workers=-1", 400, "BadRequestException", "initial_workers must be a number from 0 to 1000"),
]


def fill_with_trouble(store: Path) -> None:
    (store / "no-zip.mar").write_bytes(b"this is no archive")
    with zipfile.ZipFile(store / "no-manifest.mar", "w") as empty:
        empty.writestr("service.py", "def handle(data, context): pass")
    with zipfile.ZipFile(store / "no-handler-1.0.mar", "w") as broken:
        manifest = {"model": {"modelName": "no-handler", "handler": "missing.py", "modelVersion": "1.0"}}
        broken.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))


@pytest.mark.parametrize(("query", "status", "kind", "message"), BAD_REGISTRATIONS)
def test_a_bad_registration_is_told_and_leaves_nothing(
    serve: Serve, query: str, status: int, kind: str, message: str
) -> None:
    async def scenario(server: Server) -> None:
        fill_with_trouble(server.store)
        before = server.engine.changes(0).revision
        answer = await server.register(query)
        assert answer.error[:2] == (status, kind)
        assert message in answer.error[2]
        assert await server.names() == []
        assert unpacked(server) == []
        assert server.engine.changes(before).changed == ()

    serve(scenario)


def test_the_same_name_and_version_is_a_conflict(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        answer = await server.register(NOOP)
        message = "Model version 1.0 is already registered for model noop"
        assert answer.error == (409, "ConflictStatusException", message)
        assert len(unpacked(server)) == 1

    serve(scenario)


def test_two_at_once_register_one(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        answers = await asyncio.gather(*(server.register(NOOP) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
        assert len(unpacked(server)) == 1

    serve(scenario)


def test_workers_that_do_not_come_up_take_a_synchronous_registration_back(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.register(f"{NOOP}&initial_workers=1&synchronous=true")
        message = "Failed to start workers for model noop version: 1.0"
        assert answer.error == (500, "InternalServerException", message)
        assert await server.names() == []
        assert unpacked(server) == []
        assert (await server.register(NOOP)).status == 200

    serve(scenario, FakeLauncher(load_error="no such file: weights.pt"))


def test_workers_that_do_not_come_up_are_described_when_nobody_waits(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.register(f"{NOOP}&initial_workers=1")).status == 202
        await until_state(server.engine, "noop", WorkerState.BACKING_OFF)
        (worker,) = (await server.describe("noop"))[0]["workers"]
        assert (worker["status"], worker["state"], worker["pid"]) == ("UNLOADING", "backing off", -1)
        assert worker["lastDeath"] == "no such file: weights.pt"
        assert worker["traceback"] == "Traceback: no such file: weights.pt"

    serve(scenario, FakeLauncher(load_error="no such file: weights.pt"))


def test_a_process_that_cannot_be_started_is_told(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.register(f"{NOOP}&initial_workers=1&synchronous=true")).status == 500
        assert await server.names() == []

    serve(scenario, FakeLauncher(launch_error="out of processes"))


def test_a_default_version_that_fails_after_another_came_leaves_that_one_as_the_default(serve: Serve) -> None:
    launcher = FakeLauncher(loading=True)

    async def scenario(server: Server) -> None:
        first = asyncio.gather(server.register(f"{NOOP}&initial_workers=1&synchronous=true"))
        await until(server.engine, lambda: bool(launcher.workers))
        assert (await server.register("url=noop-2.0.mar")).status == 200
        launcher.load_error = "as asked"
        await until_state(server.engine, "noop", WorkerState.LOADING)
        launcher.workers[0].finish_loading()
        assert [answer.status for answer in await first] == [500]
        (found,) = await server.describe("noop")
        assert found["modelVersion"] == "2.0"
        assert server.engine.describe("noop")[0].is_default
        assert await server.names() == ["noop"]
        assert (await server.ask("inference", "GET", "/ping")).status == 200

    serve(scenario, launcher)


def test_a_client_that_hangs_up_leaves_a_registration_whole(tmp_path: Path) -> None:
    """What was begun goes on: the record and what runs do not fall apart."""
    home = make_home(tmp_path)
    archive(home.model_store)
    launcher = FakeLauncher(loading=True)

    async def main() -> None:
        async with serving(home, make_settings(), launcher) as server:
            asking = asyncio.gather(server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true"))
            await until(server.engine, lambda: bool(launcher.workers))
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await until_state(server.engine, "noop", WorkerState.LOADING)
            launcher.load_error = "as asked"
            launcher.workers[0].finish_loading()
            await until(server.engine, lambda: not server.engine.list_models())
        async with serving(home, make_settings(), launcher) as server:
            assert await server.names() == []

    asyncio.run(main())


def test_the_model_api_may_be_closed(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        for method, path in [("POST", f"/models?{NOOP}"), ("DELETE", "/models/noop"), ("DELETE", "/models/noop/1.0")]:
            answer = await server.manage(method, path)
            assert answer.error[:2] == (405, "MethodNotAllowedException")
        assert (await server.manage("PUT", "/models/noop?min_worker=1")).status == 404

    serve(scenario, enable_model_api=False)
