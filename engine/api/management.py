"""The management API, port 8081: TorchServe's operations on models. Thin: each row calls the façade. On the loop."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from engine.api.answers import METHOD_UNKNOWN, error_response, json_response, new_request_id
from engine.api.operations import Handler, Kind, Operation, Parameter, read_parameters
from engine.engine import PROCESSING, Engine
from engine.errors import BadRequestError
from engine.registration import Registration
from engine.snapshots import VersionSnapshot, WorkerSnapshot, WorkerState

MAX_PAGE = 100

# What a row does: takes the façade and its parameters, those of the path included, gives a status and a JSON value.
Act = Callable[[Engine, dict[str, Any]], Awaitable[tuple[int, Any]]]

SYNCHRONOUS = Parameter("synchronous", Kind.SWITCH, "wait until the workers are there", default=False)
TIMEOUT = Parameter(
    "timeout", Kind.NUMBER, "seconds for workers to finish their requests: 0 none, -1 without a limit", default=-1
)
SCALING = (
    Parameter("min_worker", Kind.NUMBER, "the least number of workers", default=1),
    Parameter("max_worker", Kind.NUMBER, "the largest number of workers; min_worker when not given"),
    SYNCHRONOUS,
    TIMEOUT,
)
# TorchServe: where the path names no version, the query may.
SCALING_ONE = (*SCALING, Parameter("model_version", Kind.TEXT, "the version; the default one when not given"))
REGISTERING = (
    Parameter("url", Kind.TEXT, "the archive: a file name in the model store", required=True),
    Parameter("model_name", Kind.TEXT, "the model's name; the manifest's when not given"),
    Parameter("handler", Kind.TEXT, "the handler as module:function; the manifest's when not given"),
    Parameter("runtime", Kind.TEXT, "python, python3 or LSP; the manifest's when not given"),
    Parameter("batch_size", Kind.NUMBER, "how many requests a batch may hold"),
    Parameter("max_batch_delay", Kind.NUMBER, "milliseconds to wait for a batch to fill"),
    Parameter("initial_workers", Kind.NUMBER, "how many workers to start"),
    Parameter("synchronous", Kind.SWITCH, "wait until the workers are there"),
    Parameter("response_timeout", Kind.NUMBER, "seconds a worker has for one batch"),
    Parameter("startup_timeout", Kind.NUMBER, "seconds a worker has to load the model"),
)
PAGING = (
    Parameter("limit", Kind.NUMBER, "the largest number of models to list", default=MAX_PAGE),
    Parameter("next_page_token", Kind.NUMBER, "where to go on, from the answer before", default=0),
)


async def list_models(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """GET /models: one page of names and urls."""
    limit, start = given["limit"], given["next_page_token"]
    if limit < 0 or start < 0:
        raise BadRequestError("limit and next_page_token must not be negative.")
    limit = min(limit, MAX_PAGE)
    models = engine.list_models()
    page = [{"modelName": name, "modelUrl": url} for name, url in models[start : start + limit]]
    # TorchServe: a page that ends with the list still names a next one, which is empty.
    token = {"nextPageToken": str(start + limit)} if start + limit <= len(models) else {}
    return 200, {**token, "models": page}


async def register(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """POST /models."""
    if given["synchronous"] is None:
        # The API document: asynchronous unless asked otherwise. TorchServe 0.12 itself waits.
        given["synchronous"] = engine.settings.api_dialect == "torchserve-0.12"
    return _status(await engine.register(Registration(**given)))


async def describe(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """GET /models/{model_name} and /models/{model_name}/{model_version}."""
    found = engine.describe(given["model_name"], given.get("model_version"))
    return 200, [_description(version) for version in found]


async def scale(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """PUT /models/{model_name} and /models/{model_name}/{model_version}."""
    text = await engine.scale(
        given["model_name"],
        given.get("model_version"),
        min_workers=given["min_worker"],
        max_workers=given["max_worker"],
        synchronous=given["synchronous"],
        timeout=given["timeout"],
    )
    return _status(text)


async def unregister(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """DELETE /models/{model_name} and /models/{model_name}/{model_version}."""
    return _status(await engine.unregister(given["model_name"], given.get("model_version"), timeout=given["timeout"]))


async def set_default(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """PUT /models/{model_name}/{model_version}/set-default."""
    return _status(await engine.set_default(given["model_name"], given["model_version"]))


def _row(name: str, method: str, path: str, about: str, act: Act, parameters: tuple[Parameter, ...] = ()) -> Operation:
    async def handler(engine: Engine, request: web.BaseRequest, path_values: Mapping[str, str]) -> web.Response:
        given = read_parameters(parameters, await _given(request))
        status, value = await act(engine, {**given, **path_values})
        return json_response(status, value, new_request_id())

    return Operation(name, (method,), path, about, handler, parameters)


def _model_api(row: Operation) -> Operation:
    """Close a row while `enable_model_api` is off (TorchServe: 405)."""

    async def handler(engine: Engine, request: web.BaseRequest, path_values: Mapping[str, str]) -> web.StreamResponse:
        if not engine.settings.enable_model_api:
            return error_response(405, "MethodNotAllowedException", METHOD_UNKNOWN, new_request_id())
        return await row.handler(engine, request, path_values)

    closed: Handler = handler
    return Operation(row.name, row.methods, row.path, row.about, closed, row.parameters)


# What TorchServe says of a model that makes no use of these; Marina does not serve them.
NOT_SERVED = {
    "continuousBatching": False,
    "useJobTicket": False,
    "useVenv": False,
    "stateful": False,
    "sequenceMaxIdleMSec": 0,
    "sequenceTimeoutMSec": 0,
    "maxNumSequence": 0,
    "maxSequenceJobQueueSize": 0,
}
ONE, VERSION = "/models/{model_name}", "/models/{model_name}/{model_version}"
DEFAULT = VERSION + "/set-default"
OPERATIONS = (
    _row("listModels", "GET", "/models", "list the models", list_models, PAGING),
    _model_api(_row("registerModel", "POST", "/models", "register a model", register, REGISTERING)),
    _row("describeModel", "GET", ONE, "describe the default version", describe),
    _row("setAutoScale", "PUT", ONE, "set how many workers the default version has", scale, SCALING_ONE),
    _model_api(_row("unregisterModel", "DELETE", ONE, "unregister the default version", unregister, (TIMEOUT,))),
    _row("version_describeModel", "GET", VERSION, "describe a version, or all of them", describe),
    _row("version_setAutoScale", "PUT", VERSION, "set how many workers a version has", scale, SCALING),
    _model_api(_row("version_unregisterModel", "DELETE", VERSION, "unregister a version", unregister, (TIMEOUT,))),
    _row("setDefault", "PUT", DEFAULT, "make a version the default", set_default),
)


def _status(text: str) -> tuple[int, Any]:
    return (202 if text is PROCESSING else 200), {"status": text}


async def _given(request: web.BaseRequest) -> Mapping[str, Any]:
    """Return the parameters: a POST's JSON body alone when there is one (TorchServe), else the query's."""
    if request.method != "POST" or request.content_type != "application/json":
        return request.query
    body = await request.read()
    if not body:
        return request.query
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequestError(f"The body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRequestError("The body must be a JSON object that holds the parameters.")
    return value


def _description(version: VersionSnapshot) -> dict[str, Any]:
    """Return a version as TorchServe describes it, in its order of fields."""
    return {
        "modelName": version.key.name,
        "modelVersion": version.key.version,
        "modelUrl": version.url,
        "engine": "Torch",
        "runtime": version.runtime,
        "minWorkers": version.min_workers,
        "maxWorkers": version.max_workers,
        "batchSize": version.batch_size,
        "maxBatchDelay": version.max_batch_delay,
        "responseTimeout": version.response_timeout,
        "startupTimeout": version.startup_timeout,
        "maxRetryTimeoutInSec": version.max_retry_timeout,
        "clientTimeoutInMills": version.client_timeout,
        "parallelType": "",
        "parallelLevel": 0,
        "deviceType": version.device_type,
        **NOT_SERVED,
        "loadedAtStartup": version.loaded_at_startup,
        "workers": [_worker(worker) for worker in version.workers],
        "jobQueueStatus": {
            "remainingCapacity": version.queue.capacity - version.queue.pending,
            "pendingRequests": version.queue.pending,
        },
    }


def _worker(worker: WorkerSnapshot) -> dict[str, Any]:
    """Return a worker as TorchServe describes it; `state`, `lastDeath` and `traceback` are Marina's own."""
    seconds, fraction = divmod(worker.started, 1)
    started = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    trouble = {"lastDeath": worker.last_death, "traceback": worker.traceback} if worker.last_death else {}
    return {
        "id": worker.id,
        "startTime": f"{started}.{int(fraction * 1000):03d}Z",
        "status": "READY" if worker.state is WorkerState.READY else "UNLOADING",
        "memoryUsage": worker.memory,
        "pid": worker.pid or -1,
        "gpu": worker.device.startswith("cuda"),
        "gpuUsage": "N/A",
        "state": worker.state,
        **trouble,
    }
