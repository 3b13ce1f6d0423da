"""The inference API, port 8080: predictions and the health of the server. On the loop; hot."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from engine.api.answers import COMMON_HEADERS, FIRST_ERROR, error_of, json_response, new_request_id
from engine.api.bodies import headers_of, read_inputs
from engine.api.description import DOCUMENT, description_of
from engine.api.operations import Answer, Body, Operation, failures
from engine.engine import Engine
from engine.errors import MarinaError
from engine.serving.jobs import Reply, Stream

# What the server says itself, whatever a handler sets (TorchServe); the rest of a handler's headers go out.
OWN_HEADERS = frozenset(
    {"x-request-id", "pragma", "cache-control", "expires", "content-length", "connection", "transfer-encoding"}
)
LOWEST_STATUS = 100


async def predict(engine: Engine, request: web.BaseRequest, path: Mapping[str, str]) -> web.StreamResponse:
    """Answer a prediction with what the handler returns; `url_path` and `explain` reach it as headers (TorchServe)."""
    request_id = new_request_id()
    inputs = await read_inputs(request)
    headers = headers_of(request)
    headers["explain"] = "False"
    headers["url_path"] = path.get("rest", "")
    try:
        reply = await engine.predict(path["model_name"], path.get("model_version"), request_id, headers, inputs)
    except MarinaError as error:
        return error_of(error, request_id)
    if reply.stream is None:
        return _whole(reply, request_id)
    return await _streamed(reply, reply.stream, request, request_id)


async def ping(engine: Engine, _request: web.BaseRequest, _path: Mapping[str, str]) -> web.StreamResponse:
    """Tell whether every default version has its workers."""
    healthy = engine.is_healthy()
    text = "Healthy" if healthy else "Unhealthy"
    return json_response(200 if healthy else 500, {"status": text}, new_request_id())


async def describe_api(engine: Engine, _request: web.BaseRequest, path: Mapping[str, str]) -> web.Response:
    """OPTIONS /predictions/{model_name} and what follows it: the ways to predict with the default version."""
    name = path["model_name"]
    engine.describe(name, path.get("model_version"))
    # TorchServe 0.12 leaves out the s.
    place = "prediction" if engine.settings.api_dialect == "torchserve-0.12" else "predictions"
    own = dataclasses.replace(PREDICTIONS, path=f"/{place}/{quote(name)}")
    others = [row for row in OPERATIONS if "{model_name}" in row.path and "{model_version}" not in row.path]
    return description_of([own, *(row for row in others if row is not PREDICTIONS)], f"RESTful API for: {name}")


HEALTH = {"200": Answer("Healthy", "Status"), "500": Answer("A default version lacks workers", "Status")}
PREDICTED: Mapping[str, Answer] = {
    "200": Answer("What the handler returns", "*/*"),
    **failures(400, 404, 413, 500, 503, 507),
    "default": Answer("A status of the handler's own choice", "*/*"),
}
PREDICTIONS = Operation(
    "predictions",
    None,
    "/predictions/{model_name}",
    "predict with the default version",
    predict,
    body=Body.ANY,
    answers=PREDICTED,
)
ANY_VERSION = "/predictions/{model_name}/{model_version}/{rest...}"
OPTIONS = ("OPTIONS",)
OPERATIONS = (
    Operation("ping", None, "/ping", "tell whether the server is well", ping, answers=HEALTH),
    Operation("describeApi", OPTIONS, PREDICTIONS.path, "describe", describe_api, answers=DOCUMENT, hidden=True),
    PREDICTIONS,
    Operation("version_describeApi", OPTIONS, ANY_VERSION, "describe", describe_api, answers=DOCUMENT, hidden=True),
    Operation(
        "version_predictions",
        None,
        ANY_VERSION,
        "predict with a version; what follows it reaches the handler",
        predict,
        body=Body.ANY,
        answers=PREDICTED,
    ),
)


def _headers(reply: Reply, request_id: str) -> dict[str, str]:
    own = {**COMMON_HEADERS, "x-request-id": request_id}
    if not reply.headers:
        return own
    return {**{name: value for name, value in reply.headers.items() if name.lower() not in OWN_HEADERS}, **own}


def _whole(reply: Reply, request_id: str) -> web.Response:
    status = reply.status if reply.status >= LOWEST_STATUS else 200
    response = web.Response(
        status=status, reason=reply.phrase, headers=_headers(reply, request_id), body=bytes(reply.body)
    )
    if status >= FIRST_ERROR:
        response.force_close()
    return response


async def _streamed(reply: Reply, stream: Stream, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
    """Send each piece as one chunk; a handler that fails on the way breaks the connection (TorchServe)."""
    response = web.StreamResponse(
        status=reply.status if reply.status >= LOWEST_STATUS else 200,
        reason=reply.phrase,
        headers=_headers(reply, request_id),
    )
    response.enable_chunked_encoding()
    try:
        await response.prepare(request)
        await response.write(bytes(reply.body))
        async for piece in stream:
            await response.write(piece)
        await response.write_eof()
    except (MarinaError, ConnectionError):
        # Either the handler failed half way, or the client has gone.
        if request.transport is not None:
            request.transport.abort()
    return response
