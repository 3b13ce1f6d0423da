"""KServe v2 beside predictions: health and metadata of the server, where `ts_open_inference_protocol` is on.

Part of the inference API, on the loop. Readiness and metadata of models are the standard's; TorchServe 0.12 answers 404
there, and so does Marina unless `open_inference_models` is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from engine import SERVER_VERSION
from engine.api.answers import json_response, new_request_id
from engine.api.operations import Answer, Operation, failures
from engine.engine import Engine
from engine.settings import Settings
from engine.snapshots import VersionSnapshot, WorkerState

# The standard wants any 4xx for a model that is not ready.
NOT_READY = 400
NO_VERSIONS = 501
EXTENSIONS = ["kserve", "kubeflow"]
# TorchServe misspells the key of its extensions.
SERVER = {"name": "Torchserve", "version": SERVER_VERSION, "extenstion": EXTENSIONS}


def operations(settings: Settings) -> tuple[Operation, ...]:
    """Return the rows that the inference API has besides its own, none with `ts_open_inference_protocol` off."""
    if not settings.ts_open_inference_protocol:
        return ()
    return SERVER_OPERATIONS + MODEL_OPERATIONS if settings.open_inference_models else SERVER_OPERATIONS


async def live(_engine: Engine, _request: web.BaseRequest, _path: Mapping[str, str]) -> web.Response:
    """Tell that the server answers."""
    return _answer({"live": True})


async def ready(_engine: Engine, _request: web.BaseRequest, _path: Mapping[str, str]) -> web.Response:
    """Tell that the server takes requests, which it does from the moment it answers (TorchServe)."""
    return _answer({"ready": True})


async def metadata(engine: Engine, _request: web.BaseRequest, _path: Mapping[str, str]) -> web.Response:
    """Tell who answers, and with which extensions."""
    return _answer({**SERVER, "extensions": EXTENSIONS} if engine.settings.open_inference_models else SERVER)


async def versioned(_engine: Engine, _request: web.BaseRequest, _path: Mapping[str, str]) -> web.Response:
    """Refuse what KServe v2 has for single versions (TorchServe)."""
    return _answer({"error": "Model versioning is not yet supported."}, NO_VERSIONS)


async def model_ready(engine: Engine, _request: web.BaseRequest, path: Mapping[str, str]) -> web.Response:
    """Tell whether a worker of the default version can take a request."""
    [version] = engine.describe(path["model_name"])
    found = is_ready(version)
    return _answer({"name": version.key.name, "ready": found}, 200 if found else NOT_READY)


def is_ready(version: VersionSnapshot) -> bool:
    """Whether a worker can take a request, or would be started for one."""
    return version.rests or any(worker.state is WorkerState.READY for worker in version.workers)


async def model_metadata(engine: Engine, _request: web.BaseRequest, path: Mapping[str, str]) -> web.Response:
    """Tell a model's versions. Only its handler knows what goes in and comes out, so both lists are empty."""
    name = path["model_name"]
    versions = [found.key.version for found in engine.describe(name, "all")]
    return _answer({"name": name, "versions": versions, "platform": "pytorch", "inputs": [], "outputs": []})


def _answer(value: dict[str, Any], status: int = 200) -> web.Response:
    return json_response(status, value, new_request_id())


GET = ("GET",)
MODEL = "/v2/models/{model_name}"
VERSIONS = f"{MODEL}/versions/{{model_version}}/{{rest...}}"
SERVER_OPERATIONS = (
    Operation(
        "serverMetadata", GET, "/v2", "tell who answers", metadata, answers={"200": Answer("The server", "Server")}
    ),
    Operation(
        "serverLive",
        GET,
        "/v2/health/live",
        "tell whether the server answers",
        live,
        answers={"200": Answer("It does", "Live")},
    ),
    Operation(
        "serverReady",
        GET,
        "/v2/health/ready",
        "tell whether the server takes requests",
        ready,
        answers={"200": Answer("It does", "Ready")},
    ),
    Operation("modelVersions", None, VERSIONS, "refuse", versioned, hidden=True),
)
MODEL_OPERATIONS = (
    Operation(
        "modelReady",
        GET,
        f"{MODEL}/ready",
        "tell whether a model takes requests",
        model_ready,
        answers={
            "200": Answer("A worker is ready", "ModelReady"),
            str(NOT_READY): Answer("No worker is ready", "ModelReady"),
            **failures(404),
        },
    ),
    Operation(
        "modelMetadata",
        GET,
        MODEL,
        "tell a model's versions",
        model_metadata,
        answers={"200": Answer("The model", "ModelMetadata"), **failures(404)},
    ),
)
