"""TorchServe's document of the management API, example by example, in the dialect that is Marina's own.

The archives are local ones with the names that the document uses; workers are real processes, but where a test says so.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.archives.packing import pack
from engine.settings import Settings
from engine.workers.launcher import Launcher
from tests.support.archives import NOOP
from tests.support.servers import Answer, Scenario, Server, make_home, make_settings, serving, worker_processes
from tests.support.workers import FakeLauncher

pytestmark = pytest.mark.usefixtures("workers_without_torch")

Document = Callable[..., None]

PROCESSING = {"status": "Processing worker updates..."}
TO_SCALE = "Use scale workers API to add workers for the model."
# The document's handler that does not inherit from the stock one.
CUSTOMIZED = """
class NoopCustomized:
    def __init__(self):
        self.context = None

    def initialize(self, context):
        self.context = context

    def describe_handle(self):
        return {"data1": "1", "data2": "2"}

    def _is_describe(self):
        if self.context and self.context.get_request_header(0, "describe"):
            if self.context.get_request_header(0, "describe") == "True":
                return True
        return False

    def handle(self, data, context):
        if self._is_describe():
            return [self.describe_handle()]
        return ["noop"] * len(data)
"""
PROMISED_DESCRIPTION = {
    "engine": "Torch",
    "runtime": "python",
    "minWorkers": 1,
    "maxWorkers": 1,
    "batchSize": 1,
    "maxBatchDelay": 100,
    "jobQueueStatus": {"remainingCapacity": 100, "pendingRequests": 0},
}


def packed(path: Path, name: str, version: str = "1.0", source: str = NOOP) -> None:
    pack(path, model_name=name, version=version, handler="service.py", files={"service.py": source.encode()})


@pytest.fixture
def document(tmp_path: Path) -> Document:
    """Return what runs an example on a server with the document's archives in its model store."""

    def run(scenario: Scenario, launcher: Launcher | None = None) -> None:
        home = make_home(tmp_path)
        packed(home.model_store / "squeezenet1_1.mar", "squeezenet1_1")
        packed(home.model_store / "noop.mar", "noop")
        packed(home.model_store / "noop_2.mar", "noop", "2.0")
        packed(home.model_store / "noop-customized.mar", "noop-customized", source=CUSTOMIZED)

        async def main() -> None:
            async with serving(home, make_settings(), launcher) as server:
                await scenario(server)

        asyncio.run(main())

    return run


def is_as_shown(answer: Answer, status: int, body: dict[str, Any]) -> bool:
    """Whether an answer has the status, the headers and the body that the document shows."""
    uuid.UUID(answer.headers["x-request-id"])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["connection"] == "keep-alive"
    assert int(answer.headers["content-length"]) == len(answer.body)
    return (answer.status, answer.json) == (status, body)


async def until_ready(server: Server, name: str, workers: int) -> None:
    """Poll the description, as a client of the document does."""
    async with asyncio.timeout(30):
        while True:
            [found] = await server.describe(name)
            if [worker["status"] for worker in found["workers"]] == ["READY"] * workers:
                return
            await asyncio.sleep(0.02)


# Register a model


def test_a_model_is_registered_without_workers(document: Document) -> None:
    async def example(server: Server) -> None:
        answer = await server.register("url=squeezenet1_1.mar&model_name=squeezenet_v1.1")
        text = f'Model "squeezenet_v1.1" Version: 1.0 registered with 0 initial workers. {TO_SCALE}'
        assert is_as_shown(answer, 200, {"status": text})

    document(example)


def test_no_inference_runs_until_a_worker_is_assigned(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar")
        assert (await server.predict("noop")).status == 503
        await server.manage("PUT", "/models/noop?synchronous=true")
        assert (await server.predict("noop")).body == b"OK"

    document(example)


@pytest.mark.parametrize("asked", ["&synchronous=false", ""])
def test_an_asynchronous_registration_is_answered_before_its_workers(document: Document, asked: str) -> None:
    async def example(server: Server) -> None:
        answer = await server.register(f"initial_workers=1{asked}&url=squeezenet1_1.mar")
        assert is_as_shown(answer, 202, PROCESSING)
        assert answer.headers["content-length"] == "47"
        await until_ready(server, "squeezenet1_1", workers=1)

    document(example)


def test_a_synchronous_registration_is_answered_when_its_workers_are_there(document: Document) -> None:
    async def example(server: Server) -> None:
        answer = await server.register("initial_workers=1&synchronous=true&url=squeezenet1_1.mar")
        text = 'Model "squeezenet1_1" Version: 1.0 registered with 1 initial workers'
        assert is_as_shown(answer, 200, {"status": text})
        [found] = await server.describe("squeezenet1_1")
        assert [worker["status"] for worker in found["workers"]] == ["READY"]

    document(example)


def test_the_parameters_of_a_registration_override_the_manifest(document: Document) -> None:
    async def example(server: Server) -> None:
        query = "runtime=python3&batch_size=8&max_batch_delay=50&response_timeout=7&handler=service:handle"
        await server.register(f"url=noop.mar&model_name=mine&{query}&initial_workers=1&synchronous=true")
        [found] = await server.describe("mine")
        given = ("runtime", "batchSize", "maxBatchDelay", "responseTimeout")
        assert [found[key] for key in given] == ["python3", 8, 50, 7]
        assert (await server.predict("mine")).body == b"OK"

    document(example)


def test_what_a_registration_leaves_out_has_the_documents_defaults(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar")
        [found] = await server.describe("noop")
        shown = ("modelName", "runtime", "batchSize", "maxBatchDelay", "minWorkers", "responseTimeout", "workers")
        assert [found[key] for key in shown] == ["noop", "python", 1, 100, 0, 120, []]

    document(example)


# Scale workers


def test_scaling_is_asynchronous_unless_asked_otherwise(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar")
        answer = await server.manage("PUT", "/models/noop?min_worker=3")
        assert is_as_shown(answer, 202, PROCESSING)
        assert answer.headers["content-length"] == "47"
        await until_ready(server, "noop", workers=3)

    document(example)


def test_scaling_synchronously_returns_once_all_workers_are_adjusted(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar")
        answer = await server.manage("PUT", "/models/noop?min_worker=3&synchronous=true")
        assert is_as_shown(answer, 200, {"status": "Workers scaled to 3 for model: noop"})
        await until_ready(server, "noop", workers=3)

    document(example)


def test_a_version_is_scaled_by_its_own_path(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar")
        await server.register("url=noop_2.mar")
        answer = await server.manage("PUT", "/models/noop/2.0?min_worker=3&synchronous=true")
        assert is_as_shown(answer, 200, {"status": "Workers scaled to 3 for model: noop, version: 2.0"})
        workers = {found["modelVersion"]: len(found["workers"]) for found in await server.describe("noop/all")}
        assert workers == {"1.0": 0, "2.0": 3}

    document(example)


def test_scaling_without_parameters_means_one_worker_at_least_and_at_most(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar")
        await server.manage("PUT", "/models/noop?synchronous=true")
        [found] = await server.describe("noop")
        assert (found["minWorkers"], found["maxWorkers"], len(found["workers"])) == (1, 1, 1)

    document(example)


def test_a_timeout_of_zero_ends_a_worker_at_once(document: Document) -> None:
    launcher = FakeLauncher(holding=True)

    async def example(server: Server) -> None:
        await server.register("url=noop.mar&initial_workers=1&synchronous=true")
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(server.predict("noop"))
            await launcher.received.wait()
            answer = await server.manage("PUT", "/models/noop?min_worker=0&synchronous=true&timeout=0")
            assert answer.text == "Workers scaled to 0 for model: noop"
        assert (asked.result().status, asked.result().error[2]) == (500, "Worker died.")

    document(example, launcher)


# Describe a model


@pytest.mark.parametrize(("path", "version", "url"), [("noop", "1.0", "noop.mar"), ("noop/2.0", "2.0", "noop_2.mar")])
def test_a_description_is_as_shown(document: Document, path: str, version: str, url: str) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar&initial_workers=1&synchronous=true")
        await server.register("url=noop_2.mar&initial_workers=1&synchronous=true")
        answer = await server.manage("GET", f"/models/{path}")
        [found] = answer.json
        assert {key: found[key] for key in PROMISED_DESCRIPTION} == PROMISED_DESCRIPTION
        assert (found["modelName"], found["modelVersion"], found["modelUrl"]) == ("noop", version, url)
        [worker] = found["workers"]
        assert (worker["status"], worker["gpu"]) == ("READY", False)
        assert worker["id"].isdigit()
        assert worker["startTime"].endswith("Z")
        assert isinstance(worker["memoryUsage"], int)

    document(example)


def test_all_versions_are_described(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar")
        await server.register("url=noop_2.mar")
        found = [(one["modelVersion"], one["modelUrl"]) for one in await server.describe("noop/all")]
        assert sorted(found) == [("1.0", "noop.mar"), ("2.0", "noop_2.mar")]

    document(example)


@pytest.mark.parametrize("path", ["noop-customized/1.0", "noop-customized", "noop-customized/"])
def test_customized_metadata_is_a_string_that_the_client_decodes(document: Document, path: str) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop-customized.mar&initial_workers=1&synchronous=true")
        [found] = await server.describe(f"{path}?customized=true")
        assert found["customizedMetadata"] == '{\n  "data1": "1",\n  "data2": "2"\n}'
        assert json.loads(found["customizedMetadata"]) == {"data1": "1", "data2": "2"}
        [worker] = found["workers"]
        assert (worker["status"], worker["gpu"], worker["gpuUsage"]) == ("READY", False, "N/A")
        assert psutil.pid_exists(worker["pid"])
        assert found["loadedAtStartup"] is False
        assert (await server.predict("noop-customized")).body == b"noop"

    document(example)


# Unregister a model


def test_unregistering_a_version_frees_its_resources(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar&initial_workers=1&synchronous=true")
        answer = await server.manage("DELETE", "/models/noop/1.0")
        assert is_as_shown(answer, 200, {"status": 'Model "noop" unregistered'})
        assert worker_processes() == []
        assert (await server.manage("GET", "/models/noop")).status == 404

    document(example)


# List models


def test_the_default_versions_of_registered_models_are_listed(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar")
        await server.register("url=noop_2.mar")
        await server.register("url=squeezenet1_1.mar")
        models = [
            {"modelName": "noop", "modelUrl": "noop.mar"},
            {"modelName": "squeezenet1_1", "modelUrl": "squeezenet1_1.mar"},
        ]
        assert is_as_shown(await server.manage("GET", "/models"), 200, {"models": models})

    document(example)


def test_the_list_comes_in_pages(document: Document) -> None:
    async def example(server: Server) -> None:
        for name in ("a", "b", "noop", "noop_v0.1", "z"):
            await server.register(f"url=noop.mar&model_name={name}")
        answer = await server.manage("GET", "/models?limit=2&next_page_token=2")
        page = [{"modelName": "noop", "modelUrl": "noop.mar"}, {"modelName": "noop_v0.1", "modelUrl": "noop.mar"}]
        assert is_as_shown(answer, 200, {"nextPageToken": "4", "models": page})
        last = (await server.manage("GET", "/models?limit=2&next_page_token=4")).json
        assert last == {"models": [{"modelName": "z", "modelUrl": "noop.mar"}]}

    document(example)


def test_a_page_holds_a_hundred_models_unless_asked_otherwise(document: Document) -> None:
    async def example(server: Server) -> None:
        for number in range(101):
            await server.register(f"url=noop.mar&model_name=m{number:03}")
        page = (await server.manage("GET", "/models")).json
        assert (page["nextPageToken"], len(page["models"])) == ("100", 100)

    document(example)


# The rest


@pytest.mark.parametrize("api", ["inference", "management"])
def test_the_apis_describe_themselves(document: Document, api: str) -> None:
    async def example(server: Server) -> None:
        answer = await server.ask(api, "OPTIONS", "/")
        assert answer.status == 200
        assert answer.json["openapi"] == "3.0.1"
        assert answer.json["paths"]

    document(example)


def test_any_version_can_become_the_default(document: Document) -> None:
    async def example(server: Server) -> None:
        await server.register("url=noop.mar")
        await server.register("url=noop_2.mar")
        answer = await server.manage("PUT", "/models/noop/2.0/set-default")
        text = 'Default version successfully updated for model "noop" to "2.0"'
        assert is_as_shown(answer, 200, {"status": text})
        assert (await server.describe("noop"))[0]["modelVersion"] == "2.0"

    document(example)


def test_the_apis_listen_on_their_ports_of_this_machine_alone() -> None:
    settings = Settings()
    assert str(settings.inference_address) == "http://127.0.0.1:8080"
    assert str(settings.management_address) == "http://127.0.0.1:8081"
