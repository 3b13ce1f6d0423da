"""The inference API, port 8080: predictions, in every way to ask for one, and the health of the server. On the loop.

Hot: every prediction passes here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import HttpVersion11, web

from engine.api.answers import COMMON_HEADERS, FIRST_ERROR, error_of, json_response, new_request_id
from engine.api.bodies import headers_of, query_inputs, read_inputs
from engine.api.description import DOCUMENT, description_of
from engine.api.operations import Answer, Body, Handler, Operation, failures
from engine.api.reply_head import head_problem
from engine.api.request import Begun, Request
from engine.engine import Engine
from engine.errors import BadRequestError, MarinaError, PredictionError
from engine.serving.jobs import Input, Reply, Stream

# What the server says itself, whatever a handler sets (TorchServe); the rest of a handler's headers go out.
OWN_HEADERS = frozenset(
    {"x-request-id", "pragma", "cache-control", "expires", "content-length", "connection", "transfer-encoding"}
)
LOWEST_STATUS = 100
# RFC 9110: answers with these end with their head.
WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
# Bytes of an answer from which on a copy costs more than a second call of the system, which are also those that are
# written at once then: what the client does not take at once is copied. And those that go out with the head.
LARGE, FIRST_BYTES = 256 * 1024, 1024


async def predict(engine: Engine, request: web.BaseRequest, path: Mapping[str, str]) -> web.StreamResponse:
    """Answer a prediction with what the handler returns; `url_path` and `explain` reach it as headers (TorchServe)."""
    if isinstance(request, Request) and request.begun is not None:
        return await _answered(request.begun, request)
    inputs = await read_inputs(engine, request)
    return await _asked(engine, request, path, inputs, handler_headers(headers_of(request), path))


def handler_headers(headers: dict[str, str], path: Mapping[str, str]) -> dict[str, str]:
    """Return what a handler sees of the headers of a prediction."""
    return {**headers, "explain": "False", "url_path": path.get("rest", "")}


async def explain(engine: Engine, request: web.BaseRequest, path: Mapping[str, str]) -> web.StreamResponse:
    """Answer as `predict`, and let the handler know by the header `explain` that an explanation is asked for."""
    added = {"explain": "True", "url_path": path.get("rest", "")}
    return await _answer(engine, request, path, await read_inputs(engine, request), added)


async def kserve_predict(engine: Engine, request: web.BaseRequest, path: Mapping[str, str]) -> web.StreamResponse:
    """Predict on a path of KServe's; the body reaches the handler as it is (TorchServe)."""
    return await _answer(engine, request, path, await read_inputs(engine, request), {"explain": "False"})


async def kserve_explain(engine: Engine, request: web.BaseRequest, path: Mapping[str, str]) -> web.StreamResponse:
    """Explain on a path of KServe's; the body reaches the handler as it is (TorchServe)."""
    return await _answer(engine, request, path, await read_inputs(engine, request), {"explain": "True"})


async def invoke(engine: Engine, request: web.BaseRequest, path: Mapping[str, str]) -> web.StreamResponse:
    """Predict on a path of old: the query's parameters are inputs too, and no header is added (TorchServe)."""
    inputs = [*query_inputs(request), *await read_inputs(engine, request)]
    return await _answer(engine, request, path, inputs, {})


async def invocations(engine: Engine, request: web.BaseRequest, _path: Mapping[str, str]) -> web.StreamResponse:
    """Predict as `invoke`, with the model that the query, the start or a form names, in this order (TorchServe)."""
    named = request.query.get("model_name") or _only_model_at_start(engine)
    inputs = [*query_inputs(request), *await read_inputs(engine, request)]
    fields = {part.name: part.data for part in inputs}
    name = named or fields.get("model_name", b"").decode(errors="replace")
    if not name:
        raise BadRequestError("Parameter model_name is required.")
    return await _answer(engine, request, {"model_name": name}, inputs, {})


async def ping(engine: Engine, _request: web.BaseRequest, path: Mapping[str, str]) -> web.StreamResponse:
    """Tell whether every default version has its workers."""
    status, value = ping_at_once(engine, path)
    return json_response(status, value, new_request_id())


def ping_at_once(engine: Engine, _path: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    """Return the status and the value that a ping is answered with."""
    healthy = engine.is_healthy()
    return 200 if healthy else 500, health(healthy=healthy)


def health(*, healthy: bool) -> dict[str, str]:
    """Return what a ping tells."""
    return {"status": "Healthy" if healthy else "Unhealthy"}


async def describe_api(engine: Engine, _request: web.BaseRequest, path: Mapping[str, str]) -> web.Response:
    """OPTIONS /predictions/{model_name} and what follows it: the ways to predict with the default version."""
    name = path["model_name"]
    engine.describe(name, path.get("model_version"))
    own = dataclasses.replace(PREDICTIONS, path=f"/{SHORT}/{quote(name)}")
    others = [row for row in OPERATIONS if "{model_name}" in row.path and "{model_version}" not in row.path]
    return description_of([own, *(row for row in others if row is not PREDICTIONS)], f"RESTful API for: {name}")


HEALTH = {"200": Answer("Healthy", "Status"), "500": Answer("A default version lacks workers", "Status")}
PREDICTED: Mapping[str, Answer] = {
    "200": Answer("What the handler returns", "*/*"),
    **failures(400, 404, 413, 500, 503, 507),
    "default": Answer("A status of the handler's own choice", "*/*"),
}


def _way(name: str, path: str, about: str, handler: Handler, *, hidden: bool = False) -> Operation:
    return Operation(name, None, path, about, handler, body=Body.ANY, answers=PREDICTED, hidden=hidden)


PREDICTIONS = _way("predictions", "/predictions/{model_name}", "predict with the default version", predict)
# TorchServe names this path where it describes one model, and does not serve it. Here the description is true.
SHORT = "prediction"
ANY_VERSION = "/predictions/{model_name}/{model_version}/{rest...}"
KSERVE_V1, KSERVE_V2 = "/v1/models/{model_name}", "/v2/models/{model_name}"
OPTIONS = ("OPTIONS",)
OPERATIONS = (
    Operation("ping", None, "/ping", "tell whether the server is well", ping, answers=HEALTH, at_once=ping_at_once),
    Operation("describeApi", OPTIONS, PREDICTIONS.path, "describe", describe_api, answers=DOCUMENT, hidden=True),
    PREDICTIONS,
    Operation("version_describeApi", OPTIONS, ANY_VERSION, "describe", describe_api, answers=DOCUMENT, hidden=True),
    _way("version_predictions", ANY_VERSION, "predict with a version; what follows it reaches the handler", predict),
    _way("v1_predictions", f"{KSERVE_V1}:predict", "predict with the default version, as KServe v1", kserve_predict),
    _way("v2_predictions", f"{KSERVE_V2}/infer", "predict with the default version, as KServe v2", kserve_predict),
    _way("short_predictions", f"/{SHORT}/{{model_name}}", "predict with the default version", predict, hidden=True),
    # TorchServe serves these without a word in its document.
    _way("v1_explanations", f"{KSERVE_V1}:explain", "explain, as KServe v1", kserve_explain, hidden=True),
    _way("v2_explanations", f"{KSERVE_V2}/explain", "explain, as KServe v2", kserve_explain, hidden=True),
    _way("explanations", "/explanations/{model_name}", "explain", explain, hidden=True),
    _way(
        "version_explanations",
        "/explanations/{model_name}/{model_version}/{rest...}",
        "explain with a version",
        explain,
        hidden=True,
    ),
    _way("invocations", "/invocations", "predict, as SageMaker", invocations, hidden=True),
    _way("invoke", "/models/{model_name}/invoke", "predict", invoke, hidden=True),
    _way("predict", "/{model_name}/predict", "predict", invoke, hidden=True),
    _way("version_predict", "/{model_name}/{model_version}/predict", "predict with a version", invoke, hidden=True),
)


async def _answer(
    engine: Engine, request: web.BaseRequest, path: Mapping[str, str], inputs: list[Input], added: dict[str, str]
) -> web.StreamResponse:
    """Predict with the model of `path`; `added` are the headers that the handler sees besides the client's."""
    return await _asked(engine, request, path, inputs, {**headers_of(request), **added})


async def _asked(
    engine: Engine, request: web.BaseRequest, path: Mapping[str, str], inputs: list[Input], headers: dict[str, str]
) -> web.StreamResponse:
    request_id = new_request_id()
    try:
        future = engine.predict(path["model_name"], path.get("model_version"), request_id, headers, inputs)
    except MarinaError as error:
        return error_of(error, request_id)
    return await _answered(Begun(request_id, future), request)


async def _answered(begun: Begun, request: web.BaseRequest) -> web.StreamResponse:
    request_id = begun.request_id
    try:
        reply = await begun.future
    except MarinaError as error:
        return error_of(error, request_id)
    if problem := head_problem(reply):
        begun.abandon()
        return error_of(PredictionError(f"The handler's answer cannot be sent: {problem}.", 500), request_id)
    if reply.stream is not None:
        return await _streamed(reply, reply.stream, request, request_id)
    if len(reply.body) > LARGE and status_of(reply) not in WITHOUT_BODY and request.method != "HEAD":
        return await _large(reply, request, request_id)
    return _whole(reply, request_id)


def _only_model_at_start(engine: Engine) -> str:
    """Return the model that was loaded at the start, "" when that is none or several."""
    models = {name: engine.describe(name, "all") for name, _ in engine.list_models()}
    names = [name for name, versions in models.items() if any(one.loaded_at_startup for one in versions)]
    return names[0] if len(names) == 1 else ""


def status_of(reply: Reply) -> int:
    """Return the status that goes out."""
    return reply.status if reply.status >= LOWEST_STATUS else 200


def reply_headers(reply: Reply) -> dict[str, str]:
    """Return what a handler says in headers and what the server says in all of them, but for the request's id."""
    if not reply.headers:
        return COMMON_HEADERS
    spelled: dict[str, str] = {}
    for name in reply.headers:
        # However often a handler spells a name differently, the header goes out once (TorchServe).
        spelled.setdefault(name.lower(), name)
    chosen = {name: reply.headers[name] for low, name in spelled.items() if low not in OWN_HEADERS}
    return {**chosen, **COMMON_HEADERS}


def _whole(reply: Reply, request_id: str) -> web.Response:
    status = status_of(reply)
    headers = {**reply_headers(reply), "x-request-id": request_id}
    response = web.Response(status=status, reason=reply.phrase, headers=headers, body=bytes(reply.body))
    if status >= FIRST_ERROR:
        response.force_close()
    return response


async def _large(reply: Reply, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
    """Send the answer as it came from the worker, without a copy; its head goes out with the first few bytes."""
    headers = {**reply_headers(reply), "x-request-id": request_id}
    response = web.StreamResponse(status=status_of(reply), reason=reply.phrase, headers=headers)
    response.content_length = len(reply.body)
    if response.status >= FIRST_ERROR:
        response.force_close()
    body = memoryview(reply.body)
    try:
        await response.prepare(request)
        await response.write(body[:FIRST_BYTES])
        for start in range(FIRST_BYTES, len(body), LARGE):
            await response.write(body[start : start + LARGE])
        await response.write_eof()
    except ConnectionError:
        # The client has gone.
        if request.transport is not None:
            request.transport.abort()
    return response


async def _streamed(reply: Reply, stream: Stream, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
    """Send each piece as one chunk; a handler that fails on the way breaks the connection (TorchServe).

    HTTP/1.0 has no chunks: the end of the connection is the end of the answer.
    """
    response = web.StreamResponse(
        status=status_of(reply),
        reason=reply.phrase,
        headers={**reply_headers(reply), "x-request-id": request_id},
    )
    if request.version >= HttpVersion11:
        response.enable_chunked_encoding()
    else:
        response.force_close()
    if response.status >= FIRST_ERROR:
        response.force_close()
    has_body = request.method != "HEAD" and response.status not in WITHOUT_BODY
    try:
        await response.prepare(request)
        if has_body:
            await response.write(bytes(reply.body))
        async for piece in stream:
            if has_body:
                await response.write(piece)
        await response.write_eof()
    except (MarinaError, ConnectionError):
        # Either the handler failed half way, or the client has gone.
        if request.transport is not None:
            request.transport.abort()
    finally:
        stream.close()
    return response
