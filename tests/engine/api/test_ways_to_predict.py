"""Every way to ask for a prediction beside `/predictions`: what reaches the handler. Workers are fakes."""

from __future__ import annotations

from typing import Any

import pytest

from engine.settings import StartModel
from tests.engine.api.conftest import Serve
from tests.support.servers import Answer, Server
from tests.support.workers import FakeLauncher

ONE_WORKER = "url=noop-1.0.mar&initial_workers=1&synchronous=true"
FORM = "application/x-www-form-urlencoded"
REQUIRED = (400, "BadRequestException", "Parameter model_name is required.")
ADDED = {"explain", "url_path"}


class Case:
    """One request to a server with a model: its answer, what the worker got as names and sizes, and added headers."""

    def __init__(self, serve: Serve, path: str, **options: Any) -> None:
        launcher = FakeLauncher()

        async def scenario(server: Server) -> None:
            await server.register(ONE_WORKER)
            self.answer: Answer = await server.ask("inference", "POST", path, **options)

        serve(scenario, launcher)
        jobs = launcher.workers[0].jobs
        self.inputs = [(name, size) for job in jobs for name, _, size in job["inputs"]]
        self.added = [{name: job["headers"][name] for name in ADDED & job["headers"].keys()} for job in jobs]


@pytest.mark.parametrize(
    ("path", "added"),
    [
        ("/predictions/noop", {"explain": "False", "url_path": ""}),
        ("/explanations/noop", {"explain": "True", "url_path": ""}),
        ("/explanations/noop/1.0", {"explain": "True", "url_path": ""}),
        ("/explanations/noop/1.0/a/b", {"explain": "True", "url_path": "a/b"}),
        ("/v1/models/noop:predict", {"explain": "False"}),
        ("/v1/models/noop:explain", {"explain": "True"}),
        ("/v2/models/noop/infer", {"explain": "False"}),
        ("/v2/models/noop/explain", {"explain": "True"}),
    ],
)
def test_a_handler_learns_whether_to_explain_and_nothing_of_the_query(
    serve: Serve, path: str, added: dict[str, str]
) -> None:
    case = Case(serve, path + "?q=1", data=b"xyz")

    assert case.answer.status == 200
    assert case.added == [added]
    assert case.inputs == [("body", 3)]


@pytest.mark.parametrize("path", ["/models/noop/invoke", "/noop/predict", "/noop/1.0/predict"])
def test_on_the_paths_of_old_the_query_is_input_and_no_header_is_added(serve: Serve, path: str) -> None:
    case = Case(serve, path + "?q=1&q=22&%C3%A9=", data=b"xyz")

    assert case.answer.status == 200
    assert case.added == [{}]
    assert case.inputs == [("q", 1), ("q", 2), ("\u00e9", 0), ("body", 3)]


def test_invocations_take_the_model_of_the_query_before_that_of_the_form(serve: Serve) -> None:
    case = Case(serve, "/invocations?model_name=noop", data=b"model_name=other", headers={"Content-Type": FORM})

    assert case.answer.status == 200
    assert case.added == [{}]
    assert case.inputs == [("model_name", 4), ("model_name", 5)]


def test_invocations_take_the_model_of_the_form(serve: Serve) -> None:
    case = Case(serve, "/invocations", data=b"model_name=noop&data=xy", headers={"Content-Type": FORM})

    assert case.answer.status == 200
    assert case.inputs == [("model_name", 4), ("data", 2)]


@pytest.mark.parametrize("path", ["/invocations", "/invocations?model_name=", "/invocations?name=noop"])
def test_invocations_need_a_model(serve: Serve, path: str) -> None:
    case = Case(serve, path, data=b"xyz")

    assert case.answer.error == REQUIRED
    assert case.inputs == []


def test_invocations_take_the_only_model_that_was_loaded_at_the_start(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register("url=noop-2.0.mar&model_name=later&initial_workers=1&synchronous=true")
        await server.manage("PUT", "/models/first?min_worker=1&synchronous=true")
        assert (await server.ask("inference", "POST", "/invocations", data=b"x")).status == 200
        assert (await server.describe("first"))[0]["loadedAtStartup"] is True

    serve(scenario, load_models=(StartModel("first", "noop-1.0.mar"),))


def test_invocations_do_not_choose_among_models_that_were_loaded_at_the_start(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        assert await server.names() == ["first", "second"]
        assert (await server.ask("inference", "POST", "/invocations", data=b"x")).error == REQUIRED

    serve(scenario, load_models=(StartModel("first", "noop-1.0.mar"), StartModel("second", "noop-2.0.mar")))


@pytest.mark.parametrize(
    "path",
    ["/explanations/no", "/v1/models/no:predict", "/v2/models/no/infer", "/invocations?model_name=no", "/no/predict"],
)
def test_a_model_that_is_not_there_is_told_on_every_path(serve: Serve, path: str) -> None:
    case = Case(serve, path, data=b"x")

    assert case.answer.error == (404, "ModelNotFoundException", "Model not found: no")


def test_kserve_learns_on_the_management_api_whether_a_model_is_ready(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar")
        assert (await server.manage("GET", "/v1/models/noop")).json == {"name": "noop", "ready": False}
        await server.manage("PUT", "/models/noop?min_worker=1&synchronous=true")
        for name in ("noop", "noop:predict", "noop:explain"):
            assert (await server.manage("GET", f"/v1/models/{name}")).json == {"name": "noop", "ready": True}
        assert (await server.manage("GET", "/v1/models/no")).error[0] == 404
        refused = await server.manage("POST", "/v1/models/noop")
        assert (refused.status, refused.headers["Allow"]) == (405, "GET")

    serve(scenario)
