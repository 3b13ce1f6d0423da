"""Descriptions with what the handler says about its model. Workers are fakes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.api.conftest import Serve
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

ONE_WORKER = "url=noop-1.0.mar&initial_workers=1&synchronous=true"
METADATA = b'{\n  "inputs": ["text"]\n}'


def saying(body: bytes) -> FakeLauncher:
    return FakeLauncher(answer=(0, "", {}, body))


@pytest.mark.parametrize("path", ["noop", "noop/", "noop/1.0"])
def test_what_the_handler_says_is_a_string_of_json_as_the_document_has_it(serve: Serve, path: str) -> None:
    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        [found] = await server.describe(f"{path}?customized=true")
        assert found["customizedMetadata"] == METADATA.decode()
        assert list(found)[-1] == "customizedMetadata"
        assert found["modelName"] == "noop"

    serve(scenario, saying(METADATA))


def test_what_the_handler_says_is_an_object_in_torchserves_dialect(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        [found] = await server.describe("noop?customized=TRUE")
        assert found["customizedMetadata"] == {"inputs": ["text"]}

    serve(scenario, saying(METADATA), api_dialect="torchserve-0.12")


@pytest.mark.parametrize("body", [b"OK", b"[1]", b"\xff", b"", b'{"a": "\xff"}', b"[" * 100_000])
@pytest.mark.parametrize(("dialect", "nothing"), [("document", "{}"), ("torchserve-0.12", {})])
def test_a_handler_that_does_not_know_the_question_says_nothing(
    serve: Serve, body: bytes, dialect: str, nothing: Any
) -> None:
    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        [found] = await server.describe("noop?customized=true")
        assert found["customizedMetadata"] == nothing

    serve(scenario, saying(body), api_dialect=dialect)


def test_null_gives_no_field(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        [found] = await server.describe("noop?customized=true")
        assert "customizedMetadata" not in found

    serve(scenario, saying(b"null"))


def test_the_handler_sees_the_clients_headers_the_question_and_no_input(serve: Serve) -> None:
    launcher = saying(METADATA)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        answer = await server.manage("GET", "/models/noop?customized=true", headers={"X-Mine": "7", "describe": "no"})
        [job] = launcher.workers[0].jobs
        assert job["id"] == answer.headers["x-request-id"]
        assert (job["headers"]["X-Mine"], job["headers"]["describe"]) == ("7", "True")
        assert "explain" not in job["headers"]
        assert job["inputs"] == []

    serve(scenario, launcher)


@pytest.mark.parametrize("path", ["noop", "noop?customized=false", "noop?customized=1", "noop/all?customized=true"])
def test_the_handler_is_not_asked_otherwise(serve: Serve, path: str) -> None:
    launcher = saying(METADATA)

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        [found] = await server.describe(path)
        assert "customizedMetadata" not in found
        assert launcher.workers[0].jobs == []

    serve(scenario, launcher)


NO_WORKER = 'Model "noop" has no worker to serve describe request. Please use scale workers API to add workers.'


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("noop", (503, "ServiceUnavailableException", NO_WORKER)),
        ("noop/1.0", (503, "ServiceUnavailableException", NO_WORKER)),
        ("none", (404, "ModelNotFoundException", "Model not found: none")),
        ("noop/7", (404, "ModelVersionNotFoundException", "Model version: 7 does not exist for model: noop")),
    ],
)
def test_what_cannot_be_asked_is_told(serve: Serve, path: str, error: tuple[int, str, str]) -> None:
    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar")
        answer = await server.manage("GET", f"/models/{path}?customized=true")
        assert answer.error == error

    serve(scenario)


def test_a_full_queue_refuses_the_question(serve: Serve) -> None:
    launcher = FakeLauncher(loading=True)

    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1")
        waiting = server.engine.predict("noop", None, "1", {}, ())
        answer = await server.manage("GET", "/models/noop?customized=true")
        assert answer.error == (503, "ServiceUnavailableException", NO_WORKER)
        waiting.cancel()

    serve(scenario, launcher, job_queue_size=1)


def test_the_answer_is_readable_json(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        answer = await server.manage("GET", "/models/noop?customized=true")
        assert json.loads(answer.json[0]["customizedMetadata"]) == {"inputs": ["text"]}
        assert answer.headers["Content-Type"] == "application/json"

    serve(scenario, saying(METADATA))


@pytest.mark.parametrize("spelled", ["Authorization", "authorization", "AUTHORIZATION"])
def test_handlers_do_not_see_the_token_that_marina_asks_for(serve: Serve, spelled: str) -> None:
    launcher = saying(METADATA)

    async def scenario(server: Server) -> None:
        manage, infer = (
            {spelled: server.host.authorization(api)["Authorization"], "X-Kept": "yes"}
            for api in ("management", "inference")
        )
        assert (await server.manage("POST", f"/models?{ONE_WORKER}", headers=manage)).status == 200
        assert (await server.manage("GET", "/models/noop?customized=true", headers=manage)).status == 200
        for path in ("/predictions/noop", "/predictions/noop/1.0", "/explanations/noop"):
            assert (await server.ask("inference", "POST", path, data=b"1", headers=infer)).status == 200
        form = {"a": "1"}
        assert (await server.ask("inference", "POST", "/predictions/noop", data=form, headers=infer)).status == 200

    serve(scenario, launcher, sources={"disable_token_authorization": "a test"})
    seen = [job["headers"] for job in launcher.workers[0].jobs]
    assert len(seen) == 5
    assert [headers.get("X-Kept") for headers in seen] == ["yes"] * 5
    assert not [headers for headers in seen if "authorization" in map(str.lower, headers)]


def test_handlers_see_the_authorization_of_callers_where_marina_asks_for_no_token(serve: Serve) -> None:
    launcher = FakeLauncher()

    async def scenario(server: Server) -> None:
        await server.register(ONE_WORKER)
        await server.predict("noop", data=b"1", headers={"Authorization": "Bearer of-the-handler"})

    serve(scenario, launcher)
    assert launcher.workers[0].jobs[0]["headers"]["Authorization"] == "Bearer of-the-handler"
