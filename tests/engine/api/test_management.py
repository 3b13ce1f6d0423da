"""The management API over HTTP, as TorchServe's document tells it. Workers are fakes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.snapshots import WorkerState
from tests.engine.api.conftest import Serve
from tests.support.servers import Answer, Server, unpacked, until, until_state
from tests.support.workers import FakeLauncher

PROCESSING = "Processing worker updates..."
NOOP = "url=noop-1.0.mar"


# Scale


def test_scaling_up_and_down(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        answer = await server.manage("PUT", "/models/noop?min_worker=3&synchronous=true")
        assert (answer.status, answer.text) == (200, "Workers scaled to 3 for model: noop")
        answer = await server.manage("PUT", "/models/noop/1.0?min_worker=1&synchronous=true")
        assert (answer.status, answer.text) == (200, "Workers scaled to 1 for model: noop, version: 1.0")
        (found,) = await server.describe("noop")
        assert (found["minWorkers"], found["maxWorkers"], len(found["workers"])) == (1, 1, 1)
        answer = await server.manage("PUT", "/models/noop?min_worker=0&synchronous=true")
        assert answer.text == "Workers scaled to 0 for model: noop"

    serve(scenario)


def test_scaling_does_not_wait_unless_asked_and_one_worker_is_the_default(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        answer = await server.manage("PUT", "/models/noop")
        assert (answer.status, answer.text) == (202, PROCESSING)
        await until_state(server.engine, "noop", WorkerState.READY)
        assert len((await server.describe("noop"))[0]["workers"]) == 1

    serve(scenario)


def test_the_query_may_name_the_version_where_the_path_does_not(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        await server.register("url=noop-2.0.mar")
        answer = await server.manage("PUT", "/models/noop?model_version=2.0&min_worker=1&synchronous=true")
        assert answer.text == "Workers scaled to 1 for model: noop, version: 2.0"
        assert [len(found["workers"]) for found in await server.describe("noop/all")] == [0, 1]

    serve(scenario)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("noop?min_worker=2&max_worker=1", 400, "max_worker cannot be less than min_worker."),
        ("noop?min_worker=-1", 400, "min_worker must be a number from 0 to 1000, not -1."),
        ("noop?max_worker=1001", 400, "max_worker must be a number from 0 to 1000, not 1001."),
        ("noop?timeout=-2", 400, "timeout must be a number from -1 to 1000000000, not -2."),
        ("noop?min_worker=many", 400, "min_worker must be a whole number, not 'many'."),
        ("none?min_worker=1", 404, "Model not found: none"),
        ("noop/3.0?min_worker=1", 404, "Model version: 3.0 does not exist for model: noop"),
    ],
)
def test_scaling_what_cannot_be_is_refused_and_changes_nothing(
    serve: Serve, path: str, status: int, message: str
) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        answer = await server.manage("PUT", f"/models/{path}")
        assert (answer.error[0], answer.error[2]) == (status, message)
        (found,) = await server.describe("noop")
        assert (found["minWorkers"], found["maxWorkers"]) == (0, 0)

    serve(scenario)


def test_scaling_what_does_not_come_up_fails_and_keeps_the_model(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        answer = await server.manage("PUT", "/models/noop?min_worker=1&synchronous=true")
        assert answer.error[0] == 500
        assert answer.error[2] == "Failed to start workers for model noop version: null"
        assert await server.names() == ["noop"]

    serve(scenario, FakeLauncher(load_error="as asked"))


# Versions and the default


def test_the_first_version_is_the_default_until_another_is_named(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        await server.register("url=noop-2.0.mar")
        assert [found["modelVersion"] for found in await server.describe("noop/all")] == ["1.0", "2.0"]
        assert [found["modelVersion"] for found in await server.describe("noop")] == ["1.0"]
        assert [found["modelVersion"] for found in await server.describe("noop/2.0")] == ["2.0"]
        answer = await server.manage("PUT", "/models/noop/2.0/set-default")
        assert answer.text == 'Default version successfully updated for model "noop" to "2.0"'
        assert (await server.describe("noop"))[0]["modelVersion"] == "2.0"
        assert (await server.manage("GET", "/models")).json["models"] == [
            {"modelName": "noop", "modelUrl": "noop-2.0.mar"}
        ]

    serve(scenario)


def test_a_default_version_that_is_not_there_is_refused_in_torchserves_words(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        answer = await server.manage("PUT", "/models/noop/9/set-default")
        assert answer.error == (404, "ModelVersionNotFoundException", "Model version 9 does not exist for model noop")
        answer = await server.manage("PUT", "/models/none/9/set-default")
        assert answer.error == (404, "ModelNotFoundException", "Model not found: none")
        assert (await server.describe("noop"))[0]["modelVersion"] == "1.0"

    serve(scenario)


# Unregister


def test_unregistering_ends_the_workers_and_removes_the_files_but_not_the_archive(serve: Serve) -> None:
    launcher = FakeLauncher()

    async def scenario(server: Server) -> None:
        await server.register(f"{NOOP}&initial_workers=2&synchronous=true")
        answer = await server.manage("DELETE", "/models/noop/1.0")
        assert (answer.status, answer.text) == (200, 'Model "noop" unregistered')
        assert await server.names() == []
        assert unpacked(server) == []
        assert (server.store / "noop-1.0.mar").is_file()
        assert all(worker.is_closing() for worker in launcher.workers)
        assert (await server.manage("DELETE", "/models/noop")).error[2] == "Model not found: noop"

    serve(scenario, launcher)


def test_a_default_version_goes_last(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        await server.register("url=noop-2.0.mar")
        for path in ("/models/noop", "/models/noop/1.0"):
            answer = await server.manage("DELETE", path)
            message = "Cannot remove default version for model noop"
            assert answer.error == (403, "InvalidModelVersionException", message)
        assert (await server.manage("DELETE", "/models/noop/2.0")).status == 200
        assert (await server.manage("DELETE", "/models/noop")).status == 200

    serve(scenario)


def test_unregistering_what_is_not_there(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(NOOP)
        assert (await server.manage("DELETE", "/models/none")).error[1] == "ModelNotFoundException"
        assert (await server.manage("DELETE", "/models/noop/9")).error[1] == "ModelVersionNotFoundException"

    serve(scenario)


def test_a_client_that_hangs_up_does_not_stop_an_unregistering(serve: Serve) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server) -> None:
        await server.register(f"{NOOP}&initial_workers=1&synchronous=true")
        predicting = asyncio.gather(server.predict("noop"))
        await asyncio.wait_for(launcher.received.wait(), 20)
        leaving = asyncio.gather(server.manage("DELETE", "/models/noop"))
        await until(server.engine, lambda: not server.engine.list_models())
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        launcher.workers[0].reply(1)
        assert [answer.status for answer in await predicting] == [200]
        await launcher.workers[0].wait()
        await server.engine._catalogue.under_way.join()
        assert unpacked(server) == []

    serve(scenario, launcher)


def test_a_timeout_cuts_requests_short(serve: Serve) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server) -> None:
        await server.register(f"{NOOP}&initial_workers=1&synchronous=true")
        predicting = asyncio.gather(server.predict("noop"))
        await asyncio.wait_for(launcher.received.wait(), 20)
        assert (await server.manage("DELETE", "/models/noop?timeout=0")).status == 200
        assert [answer.status for answer in await predicting] == [500]

    serve(scenario, launcher)


# List


async def page(server: Server, query: str) -> tuple[list[str], str | None]:
    answer: Answer = await server.manage("GET", f"/models?{query}")
    value: dict[str, Any] = answer.json
    return [model["modelName"] for model in value["models"]], value.get("nextPageToken")


def test_models_are_listed_page_by_page(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        for name in "dbcaE":
            assert (await server.register(f"{NOOP}&model_name={name}")).status == 200
        assert await page(server, "") == (["E", "a", "b", "c", "d"], None)
        assert await page(server, "limit=2") == (["E", "a"], "2")
        assert await page(server, "limit=2&next_page_token=2") == (["b", "c"], "4")
        assert await page(server, "limit=2&next_page_token=4") == (["d"], None)
        assert await page(server, "limit=5") == (["E", "a", "b", "c", "d"], "5")
        assert await page(server, "limit=0") == ([], "0")
        assert await page(server, "next_page_token=99") == ([], None)
        assert await page(server, "limit=1000") == (["E", "a", "b", "c", "d"], None)
        assert (await server.manage("GET", "/models?limit=-1")).status == 400
        assert (await server.manage("GET", "/models?limit=many")).status == 400

    serve(scenario)


# Every answer


def test_every_answer_has_a_request_id_of_the_servers_own(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(f"{NOOP}&initial_workers=1&synchronous=true")
        seen = set()
        for api, method, path, status in [
            ("management", "GET", "/models", 200),
            ("management", "GET", "/models/none", 404),
            ("management", "GET", "/nothing", 404),
            ("management", "PATCH", "/models", 405),
            ("management", "POST", "/models", 400),
            ("inference", "GET", "/ping", 200),
            ("inference", "POST", "/predictions/noop", 200),
            ("inference", "POST", "/predictions/none", 404),
            ("inference", "GET", "/models", 404),
        ]:
            answer = await server.ask(api, method, path, headers={"x-request-id": "mine"})
            assert answer.status == status, path
            assert answer.headers["Pragma"] == "no-cache"
            seen.add(answer.headers["x-request-id"])
            if status >= 400:
                assert answer.headers["Connection"] == "close"
        assert len(seen) == 9
        assert "mine" not in seen

    serve(scenario)


def test_a_wrong_path_and_a_wrong_method_are_told_in_torchserves_words(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.manage("GET", "/nothing")
        message = "Requested resource is not found, please refer to API document."
        assert answer.error == (404, "ResourceNotFoundException", message)
        answer = await server.manage("PUT", "/models")
        message = "Requested method is not allowed, please refer to API document."
        assert answer.error == (405, "MethodNotAllowedException", message)
        assert answer.headers["Allow"] == "GET, POST"

    serve(scenario)


def test_an_encoded_slash_separates_and_a_trailing_one_means_nothing(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(f"{NOOP}&model_name=two%20words")
        for path in ("two%20words", "two%20words/", "two%20words%2F1.0", "two%20words/1.0/"):
            assert (await server.describe(path))[0]["modelName"] == "two words"

    serve(scenario)


def test_a_management_body_over_the_limit_gets_a_bare_413(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.manage("POST", "/models", json={"url": "x" * 2000})
        assert (answer.status, answer.body) == (413, b"")

    serve(scenario, max_request_size=1000)
