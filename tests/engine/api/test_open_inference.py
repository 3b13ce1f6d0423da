"""KServe v2's health and metadata, with the setting on and off. Workers are fakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from engine.api import open_inference
from engine.api.openapi import SCHEMAS, document
from tests.engine.api.conftest import Serve
from tests.engine.api.test_generated_client import generate
from tests.support.servers import Answer, Server

SERVER_PATHS = ("/v2", "/v2/health/live", "/v2/health/ready")
MODEL_PATHS = ("/v2/models/noop", "/v2/models/noop/ready")
VERSION_PATHS = ("/v2/models/noop/versions/1.0", "/v2/models/noop/versions/1.0/infer")
NOT_FOUND = "ResourceNotFoundException"
MODELS: dict[str, Any] = {"ts_open_inference_protocol": True, "open_inference_models": True}
RECORDED = {"name": "Torchserve", "version": "0.12.0", "extenstion": ["kserve", "kubeflow"]}


def answers(serve: Serve, *paths: str, query: str = "url=noop-1.0.mar", **settings: Any) -> dict[str, Answer]:
    """Return what a server with the model noop answers."""
    found = {}

    async def scenario(server: Server) -> None:
        assert (await server.register(query)).status in {200, 202}
        for path in paths:
            found[path] = await server.ask("inference", "GET", path)

    serve(scenario, **settings)
    return found


def test_nothing_of_it_is_there_when_the_setting_is_off(serve: Serve) -> None:
    found = answers(serve, *SERVER_PATHS, *MODEL_PATHS, *VERSION_PATHS)
    assert {answer.error[:2] for answer in found.values()} == {(404, NOT_FOUND)}


def test_the_server_tells_of_itself(serve: Serve) -> None:
    found = answers(serve, *SERVER_PATHS, ts_open_inference_protocol=True)
    assert found["/v2/health/live"].json == {"live": True}
    assert found["/v2/health/ready"].json == {"ready": True}
    assert found["/v2"].json == RECORDED


def test_single_versions_are_refused(serve: Serve) -> None:
    found = answers(serve, *VERSION_PATHS, "/v2/models/noop/versions", ts_open_inference_protocol=True)
    refused = [(found[path].status, found[path].json) for path in VERSION_PATHS]
    assert refused == [(501, {"error": "Model versioning is not yet supported."})] * 2
    assert found["/v2/models/noop/versions"].error[:2] == (404, NOT_FOUND)


@pytest.mark.parametrize(
    ("workers", "status", "ready"), [("&initial_workers=1&synchronous=true", 200, True), ("", 400, False)]
)
def test_a_model_is_ready_when_a_worker_is(serve: Serve, workers: str, status: int, *, ready: bool) -> None:
    query = f"url=noop-1.0.mar{workers}"
    [found] = answers(serve, "/v2/models/noop/ready", query=query, **MODELS).values()
    assert (found.status, found.json) == (status, {"name": "noop", "ready": ready})


def test_a_model_tells_its_versions(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        for version in ("1.0", "2.0"):
            await server.register(f"url=noop-{version}.mar")
        found = await server.ask("inference", "GET", "/v2/models/noop")
        expected = {"name": "noop", "versions": ["1.0", "2.0"], "platform": "pytorch", "inputs": [], "outputs": []}
        assert (found.status, {**found.json, "versions": sorted(found.json["versions"])}) == (200, expected)

    serve(scenario, **MODELS)


def test_the_server_tells_its_extensions_as_the_standard_spells_them(serve: Serve) -> None:
    [found] = answers(serve, "/v2", **MODELS).values()
    assert found.json == {**RECORDED, "extensions": RECORDED["extenstion"]}


def test_an_unknown_model_is_not_found(serve: Serve) -> None:
    found = answers(serve, "/v2/models/other", "/v2/models/other/ready", **MODELS)
    assert {answer.error for answer in found.values()} == {(404, "ModelNotFoundException", "Model not found: other")}


def test_models_are_not_told_of_unless_that_is_asked_for(serve: Serve) -> None:
    found = answers(serve, *MODEL_PATHS, ts_open_inference_protocol=True)
    assert [found[path].error[:2] for path in MODEL_PATHS] == [(404, NOT_FOUND)] * 2


ROWS = open_inference.SERVER_OPERATIONS + open_inference.MODEL_OPERATIONS


def test_its_document_is_valid_and_a_client_can_be_made_of_it(tmp_path: Path) -> None:
    found = document(ROWS, "title", "1")
    OpenAPIV30SpecValidator(found).validate()
    generate(json.dumps(found).encode(), tmp_path)
    assert set(found["paths"]) == {*SERVER_PATHS, "/v2/models/{model_name}", "/v2/models/{model_name}/ready"}
    named = {answer.schema for row in ROWS for answer in row.answers.values()}
    assert named <= set(SCHEMAS)


def test_the_served_document_has_it_where_it_is_served(serve: Serve) -> None:
    [on] = answers(serve, "/api-description", **MODELS).values()
    assert {"/v2", "/v2/health/live", "/v2/models/{model_name}/ready"} <= on.json["paths"].keys()


def test_the_served_document_has_nothing_of_it_where_it_is_not(serve: Serve) -> None:
    [off] = answers(serve, "/api-description").values()
    assert not [path for path in off.json["paths"] if path.startswith("/v2") and not path.endswith("/infer")]
