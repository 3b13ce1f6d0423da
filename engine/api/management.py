"""The management API, port 8081: TorchServe's operations on models. Thin: each row calls the façade. On the loop."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from engine.api.acts import list_acts
from engine.api.answers import METHOD_UNKNOWN, error_response, json_response, new_request_id
from engine.api.bodies import headers_of
from engine.api.customized import customized_metadata
from engine.api.description import DOCUMENT, description_of
from engine.api.operations import Answer, Body, Handler, Kind, Operation, Parameter, failures, read_parameters
from engine.devices.inventory import Gpu, gpu_id_of
from engine.engine import Engine
from engine.errors import BadRequestError
from engine.ranges import MAX_INT, RANGES
from engine.registration import PROCESSING, RUNTIMES, Registration
from engine.settings import Settings
from engine.snapshots import Batching, VersionSnapshot, WorkerSnapshot, WorkerState

MAX_PAGE = 100

# What a row does: takes the façade and its parameters, those of the path included, gives a status and a JSON value.
Act = Callable[[Engine, dict[str, Any]], Awaitable[tuple[int, Any]]]
# The same for what only looks, and waits for nothing.
Look = Callable[[Engine, dict[str, Any]], tuple[int, Any]]


def _number(name: str, about: str, default: int | None = None) -> Parameter:
    return Parameter(name, Kind.NUMBER, about, default, limits=RANGES[name])


SYNCHRONOUS = Parameter("synchronous", Kind.SWITCH, "wait until the workers are there", default=False)
TIMEOUT = _number("timeout", "seconds for workers to finish their requests: 0 none, -1 without a limit", default=-1)
SCALING = (
    _number("min_worker", "the least number of workers", default=1),
    _number("max_worker", "the largest number of workers; min_worker when not given"),
    SYNCHRONOUS,
    TIMEOUT,
)
# TorchServe: where the path names no version, the query may.
SCALING_ONE = (*SCALING, Parameter("model_version", Kind.TEXT, "the version; the default one when not given"))
REGISTERING = (
    Parameter(
        "url", Kind.TEXT, "the archive: a file name in the model store, or a URL", required=True, keeps_empty=True
    ),
    Parameter("model_name", Kind.TEXT, "the model's name; the manifest's when not given"),
    Parameter("handler", Kind.TEXT, "the handler as module:function; the manifest's when not given"),
    Parameter("runtime", Kind.TEXT, "the manifest's when not given", choices=tuple(RUNTIMES.values())),
    _number("batch_size", "how many requests a batch may hold"),
    _number("max_batch_delay", "milliseconds to wait for a batch to fill"),
    _number("initial_workers", "how many workers to start"),
    Parameter("synchronous", Kind.SWITCH, "wait until the workers are there"),
    _number("response_timeout", "seconds a worker has for one batch"),
    _number("startup_timeout", "seconds a worker has to load the model"),
    Parameter("s3_sse_kms", Kind.SWITCH, "sign the download from S3; an s3:// URL always is", default=False),
    Parameter("s3_profile", Kind.TEXT, "the AWS profile whose credentials sign; boto3's choice when not given"),
    Parameter(
        "sha256", Kind.TEXT, "what the archive must have, in hexadecimal; anything when not given", keeps_empty=True
    ),
)
CUSTOMIZED = Parameter("customized", Kind.SWITCH, "ask the handler what it says about the model", default=False)
DESCRIBING = (CUSTOMIZED,)
PAGING = (
    Parameter("limit", Kind.NUMBER, f"models to list, {MAX_PAGE} at most", MAX_PAGE, limits=(0, MAX_INT)),
    Parameter("next_page_token", Kind.NUMBER, "where to go on, from the answer before", 0, limits=(0, MAX_INT)),
)


def list_models(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """GET /models: one page of names and urls."""
    limit, start = min(given["limit"], MAX_PAGE), given["next_page_token"]
    page = [{"modelName": name, "modelUrl": url} for name, url in engine.list_models(start, start + limit)]
    # TorchServe: a page that ends with the list still names a next one, which is empty.
    token = {"nextPageToken": str(start + limit)} if start + limit <= engine.count_models() else {}
    return 200, {**token, "models": page}


async def register(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """POST /models."""
    if given["synchronous"] is None:
        # The API document: asynchronous unless asked otherwise. TorchServe 0.12 itself waits.
        given["synchronous"] = engine.settings.api_dialect == "torchserve-0.12"
    return _status(await engine.register(Registration(**given)))


def describe(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """GET /models/{model_name} and /models/{model_name}/{model_version}."""
    found = engine.describe(given["model_name"], given.get("model_version"))
    return 200, [_description(version, engine.gpus()) for version in found]


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


def ready(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
    """GET /v1/models/{model_name} of KServe: whether the default version has workers, in whatever state (TorchServe).

    What KServe adds to a name on the inference API is passed over (TorchServe).
    """
    name = given["model_name"].removesuffix(":predict").removesuffix(":explain")
    [found] = engine.describe(name)
    return 200, {"name": name, "ready": bool(found.workers) or found.rests}


async def describe_api(engine: Engine, _request: web.BaseRequest, path_values: Mapping[str, str]) -> web.Response:
    """OPTIONS /models/{model_name}."""
    name = path_values["model_name"]
    engine.describe(name)
    return description_of(
        [row for row in OPERATIONS if row.path.startswith(ONE)], f"RESTful Management API for: {name}"
    )


def _row(
    name: str,
    method: str,
    path: str,
    about: str,
    act: Act,
    answers: Mapping[str, Answer],
    parameters: tuple[Parameter, ...] = (),
    body: Body = Body.NONE,
) -> Operation:
    async def handler(engine: Engine, request: web.BaseRequest, path_values: Mapping[str, str]) -> web.Response:
        given = read_parameters(parameters, await _given(request))
        status, value = await act(engine, {**given, **path_values})
        return json_response(status, value, new_request_id())

    return Operation(name, (method,), path, about, handler, parameters, body, {**answers, **failures(413, 500)})


def _look(
    name: str,
    path: str,
    about: str,
    look: Look,
    answers: Mapping[str, Answer],
    parameters: tuple[Parameter, ...] = (),
) -> Operation:
    async def act(engine: Engine, given: dict[str, Any]) -> tuple[int, Any]:
        return look(engine, given)

    def at_once(engine: Engine, path_values: Mapping[str, str]) -> tuple[int, Any]:
        return look(engine, {**read_parameters(parameters, {}), **path_values})

    return dataclasses.replace(_row(name, "GET", path, about, act, answers, parameters), at_once=at_once)


def _with_metadata(row: Operation) -> Operation:
    """Let a description ask the handler as well; TorchServe does not when it describes all versions."""

    async def handler(engine: Engine, request: web.BaseRequest, path_values: Mapping[str, str]) -> web.StreamResponse:
        name, version = path_values["model_name"], path_values.get("model_version")
        if version == "all" or not read_parameters((CUSTOMIZED,), request.query)["customized"]:
            return await row.handler(engine, request, path_values)
        request_id = new_request_id()
        described = await describe_customized(engine, name, version, request_id, headers_of(request))
        return json_response(200, described, request_id)

    return dataclasses.replace(row, handler=handler)


async def describe_customized(
    engine: Engine, name: str, version: str | None, request_id: str, headers: dict[str, str]
) -> list[dict[str, Any]]:
    """Describe a version with what its handler says; raises as `customized_metadata`."""
    metadata = await customized_metadata(engine, name, version, request_id, headers)
    [found] = engine.describe(name, version)
    return [{**_description(found, engine.gpus()), **metadata}]


def _model_api(row: Operation) -> Operation:
    """Close a row while `enable_model_api` is off (TorchServe: 405)."""

    async def handler(engine: Engine, request: web.BaseRequest, path_values: Mapping[str, str]) -> web.StreamResponse:
        if not engine.settings.enable_model_api:
            return error_response(405, "MethodNotAllowedException", METHOD_UNKNOWN, new_request_id())
        return await row.handler(engine, request, path_values)

    closed: Handler = handler
    return dataclasses.replace(row, handler=closed, answers={**row.answers, **failures(405)})


ONE, VERSION = "/models/{model_name}", "/models/{model_name}/{model_version}"
DEFAULT = VERSION + "/set-default"
DONE = {"200": Answer("Done", "Status")}
COMING = {"202": Answer("Workers are on their way", "Status")}
LISTED = {"200": Answer("One page of models", "ModelList"), **failures(400)}
REGISTERED = {
    **DONE,
    **COMING,
    "409": Answer("This version is registered already"),
    **failures(400, 404, 503, 507),
}
ACTS = {"200": Answer("What goes on now", "ActList")}
DESCRIBED = {"200": Answer("Each version that was asked for", "DescriptionList"), **failures(404, 408, 503, 507)}
SCALED = {**DONE, **COMING, **failures(400, 404, 503, 507)}
UNREGISTERED = {**DONE, "403": Answer("The default version goes last"), **failures(400, 404)}
OPERATIONS = (
    _look("listModels", "/models", "list the models", list_models, LISTED, PAGING),
    _model_api(
        _row("registerModel", "POST", "/models", "register a model", register, REGISTERED, REGISTERING, Body.PARAMETERS)
    ),
    _with_metadata(_look("describeModel", ONE, "describe the default version", describe, DESCRIBED, DESCRIBING)),
    _row("setAutoScale", "PUT", ONE, "set how many workers the default version has", scale, SCALED, SCALING_ONE),
    _model_api(
        _row("unregisterModel", "DELETE", ONE, "unregister the default version", unregister, UNREGISTERED, (TIMEOUT,))
    ),
    Operation("describeApi", ("OPTIONS",), ONE, "describe this API", describe_api, answers=DOCUMENT, hidden=True),
    _with_metadata(
        _look("version_describeModel", VERSION, "describe a version, or all", describe, DESCRIBED, DESCRIBING)
    ),
    _row("version_setAutoScale", "PUT", VERSION, "set how many workers a version has", scale, SCALED, SCALING),
    _model_api(
        _row("version_unregisterModel", "DELETE", VERSION, "unregister a version", unregister, UNREGISTERED, (TIMEOUT,))
    ),
    _look("listActs", "/acts", "list the archives on their way in", list_acts, ACTS),
    _row("setDefault", "PUT", DEFAULT, "make a version the default", set_default, {**DONE, **failures(404)}),
    dataclasses.replace(_look("modelReady", "/v1" + ONE, "tell whether a model is ready", ready, {}), hidden=True),
)


# What TorchServe has not.
OWN = frozenset({"listActs"})


def operations(settings: Settings) -> tuple[Operation, ...]:
    """Return the table; where Marina answers exactly as TorchServe did, its document leaves out what is its own."""
    if settings.api_dialect == "document":
        return OPERATIONS
    return tuple(dataclasses.replace(row, hidden=True) if row.name in OWN else row for row in OPERATIONS)


def _status(text: str) -> tuple[int, Any]:
    return (202 if text is PROCESSING else 200), {"status": text}


async def _given(request: web.BaseRequest) -> Mapping[str, Any]:
    """Return the parameters: a POST's JSON body alone when there is one (TorchServe), else the query's."""
    body = await request.read()
    if request.method != "POST" or request.content_type != "application/json" or not body:
        return request.query
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequestError(f"The body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRequestError("The body must be a JSON object that holds the parameters.")
    return value


def _description(version: VersionSnapshot, gpus: Sequence[Gpu]) -> dict[str, Any]:
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
        **({"deviceIds": version.device_ids} if version.device_ids else {}),
        **_batching(version.batching),
        "loadedAtStartup": version.loaded_at_startup,
        **({"modelConfigProblems": version.config_problems} if version.config_problems else {}),
        "workers": [_worker(worker, gpus) for worker in version.workers],
        "jobQueueStatus": {
            "remainingCapacity": version.queue.capacity - version.queue.pending,
            "pendingRequests": version.queue.pending,
        },
    }


def _batching(batching: Batching) -> dict[str, Any]:
    """Return how jobs come together, in TorchServe's words; environments of a model's own have none there."""
    return {
        "continuousBatching": batching.continuous,
        "useJobTicket": batching.job_tickets,
        "useVenv": False,
        "stateful": batching.sequences,
        "sequenceMaxIdleMSec": batching.sequence_max_idle,
        "sequenceTimeoutMSec": batching.sequence_timeout,
        "maxNumSequence": batching.max_sequences,
        "maxSequenceJobQueueSize": batching.max_sequence_jobs,
    }


def _worker(worker: WorkerSnapshot, gpus: Sequence[Gpu]) -> dict[str, Any]:
    """Return a worker as TorchServe describes it; `state`, `lastDeath` and `traceback` are Marina's own."""
    seconds, fraction = divmod(worker.started, 1)
    started = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    gpu_id = gpu_id_of(worker.device)
    trouble = {"lastDeath": worker.last_death, "traceback": worker.traceback} if worker.last_death else {}
    return {
        "id": worker.id,
        "startTime": f"{started}.{int(fraction * 1000):03d}Z",
        "status": "READY" if worker.state is WorkerState.READY else "UNLOADING",
        "memoryUsage": worker.resident,
        "pid": worker.pid or -1,
        "gpu": gpu_id is not None,
        "gpuUsage": next((_usage(gpu) for gpu in gpus if gpu.id == gpu_id), "N/A"),
        "state": worker.state,
        **trouble,
    }


def _usage(gpu: Gpu) -> str:
    """Return how busy and full a GPU is, all processes on it together, in TorchServe's words."""
    return (
        f"gpuId::{gpu.id} utilization.gpu::{gpu.utilization} % utilization.memory::{gpu.memory_utilization} % "
        f"memory.used::{gpu.memory_used // 1024**2} MiB"
    )
