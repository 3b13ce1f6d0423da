"""The OpenAPI 3.0.1 document of a listener, made from the table of operations that routes and validates. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from engine.api.operations import Answer, Body, Operation, Parameter

OPENAPI = "3.0.1"
Schema = dict[str, Any]

_REST = re.compile(r"/\{\w+\.\.\.\}$")
_NAMES = re.compile(r"\{(\w+)\}")
_PATH_NAMES = {"model_name": "the model's name", "model_version": "the model's version"}


def _of(kind: str, about: str = "", **more: Any) -> Schema:
    return {"type": kind, **({"description": about} if about else {}), **more}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT, _NUMBER, _SWITCH = _of("string"), _of("integer"), _of("boolean")

SCHEMAS: Mapping[str, Schema] = {
    "Status": _object({"status": _TEXT}),
    "Error": _object({"code": _NUMBER, "type": _TEXT, "message": _TEXT}),
    "Document": _of("object", "an OpenAPI document"),
    "Model": _object({"modelName": _TEXT, "modelUrl": _TEXT}),
    "ModelList": _object(
        {"models": _list_of(_reference("Model"))},
        {"nextPageToken": _of("string", "next_page_token of the next page; missing where there is none")},
    ),
    "ActList": _object({"acts": _list_of(_reference("Act"))}),
    "Act": _object(
        {
            "id": _NUMBER,
            "title": _TEXT,
            "started": _of("integer", "seconds since 1970", format="int64"),
            "phase": _TEXT,
            "done": _of("integer", "bytes", format="int64"),
            "total": _of("integer", "bytes, 0 while nobody knows", format="int64"),
            "bytesPerSecond": _of("integer", format="int64"),
        },
        {"secondsLeft": _of("integer", format="int64")},
    ),
    "DescriptionList": _list_of(_reference("Description")),
    "Description": _object(
        {
            "modelName": _TEXT,
            "modelVersion": _TEXT,
            "modelUrl": _TEXT,
            "engine": _TEXT,
            "runtime": _TEXT,
            "minWorkers": _NUMBER,
            "maxWorkers": _NUMBER,
            "batchSize": _NUMBER,
            "maxBatchDelay": _of("integer", "milliseconds"),
            "responseTimeout": _of("integer", "seconds"),
            "startupTimeout": _of("integer", "seconds"),
            "maxRetryTimeoutInSec": _of("integer", "seconds"),
            "clientTimeoutInMills": _of("integer", "milliseconds", format="int64"),
            "parallelType": _TEXT,
            "parallelLevel": _NUMBER,
            "deviceType": _TEXT,
            "continuousBatching": _SWITCH,
            "useJobTicket": _SWITCH,
            "useVenv": _SWITCH,
            "stateful": _SWITCH,
            "sequenceMaxIdleMSec": _of("integer", "milliseconds"),
            "sequenceTimeoutMSec": _of("integer", "milliseconds"),
            "maxNumSequence": _NUMBER,
            "maxSequenceJobQueueSize": _NUMBER,
            "loadedAtStartup": _SWITCH,
            "workers": _list_of(_reference("Worker")),
            "jobQueueStatus": _reference("JobQueueStatus"),
        },
        {
            "deviceIds": _list_of(_NUMBER),
            "modelConfigProblems": _list_of(_TEXT),
            # A text that holds a JSON object, or the object itself: the setting api_dialect decides.
            "customizedMetadata": {"description": "what the handler says of the model, when asked"},
        },
    ),
    "Worker": _object(
        {
            "id": _TEXT,
            "startTime": _of("string", format="date-time"),
            "status": _of("string", enum=["READY", "UNLOADING"]),
            "memoryUsage": _of("integer", "bytes", format="int64"),
            "pid": _of("integer", "-1 while there is no process"),
            "gpu": _SWITCH,
            "gpuUsage": _TEXT,
            "state": _of("string", "the state of the worker's life"),
        },
        {"lastDeath": _TEXT, "traceback": _TEXT},
    ),
    "JobQueueStatus": _object({"remainingCapacity": _NUMBER, "pendingRequests": _NUMBER}),
    "Server": _object(
        {"name": _TEXT, "version": _TEXT, "extenstion": _list_of(_TEXT)}, {"extensions": _list_of(_TEXT)}
    ),
    "Live": _object({"live": _SWITCH}),
    "Ready": _object({"ready": _SWITCH}),
    "ModelReady": _object({"name": _TEXT, "ready": _SWITCH}),
    "ModelMetadata": _object(
        {
            "name": _TEXT,
            "versions": _list_of(_TEXT),
            "platform": _TEXT,
            "inputs": _list_of(_reference("Tensor")),
            "outputs": _list_of(_reference("Tensor")),
        }
    ),
    "Tensor": _object({"name": _TEXT, "datatype": _TEXT, "shape": _list_of(_NUMBER)}),
}


def document(operations: Iterable[Operation], title: str, version: str) -> dict[str, Any]:
    """Return the document of the rows that are not hidden, as a JSON value."""
    paths: dict[str, dict[str, Any]] = {}
    for row in operations:
        if not row.hidden:
            paths.setdefault(_REST.sub("", row.path), {})[shown_method(row).lower()] = _operation(row)
    return {
        "openapi": OPENAPI,
        "info": {"title": title, "description": "Marina speaks TorchServe's protocols.", "version": version},
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }


def shown_method(row: Operation) -> str:
    """Return the method that the document tells of; of a row for any method the one that fits its body (TorchServe)."""
    if row.methods:
        return row.methods[0]
    return "GET" if row.body is Body.NONE else "POST"


def _operation(row: Operation) -> dict[str, Any]:
    named = [_path_parameter(name) for name in _NAMES.findall(_REST.sub("", row.path))]
    queried = [_query_parameter(parameter, row.body) for parameter in row.parameters]
    return {
        "operationId": row.name,
        "description": row.about,
        "parameters": named + queried,
        **_request_body(row),
        "responses": {status: _response(answer) for status, answer in row.answers.items()},
    }


def _path_parameter(name: str) -> dict[str, Any]:
    # A slash separates even when it is encoded (TorchServe).
    schema = _of("string", pattern="^[^/]+$")
    return {"in": "path", "name": name, "required": True, "description": _PATH_NAMES.get(name, name), "schema": schema}


def _query_parameter(parameter: Parameter, body: Body) -> dict[str, Any]:
    # A body may give what the query leaves out.
    required = parameter.required and body is not Body.PARAMETERS
    schema = _schema(parameter)
    about = parameter.about + ("; required here or in the body" if parameter.required and not required else "")
    return {"in": "query", "name": parameter.name, "required": required, "description": about, "schema": schema}


def _schema(parameter: Parameter) -> Schema:
    schema = _of(parameter.kind.value)
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.limits:
        schema["minimum"], schema["maximum"] = parameter.limits
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    return schema


def _request_body(row: Operation) -> dict[str, Any]:
    if row.body is Body.NONE:
        return {}
    schema = _of("string", format="binary") if row.body is Body.ANY else _parameters_object(row.parameters)
    return {"requestBody": {"content": {row.body.value: {"schema": schema}}}}


def _parameters_object(parameters: Iterable[Parameter]) -> Schema:
    schemas = {one.name: {**_schema(one), "description": one.about} for one in parameters}
    return {"type": "object", "required": [one.name for one in parameters if one.required], "properties": schemas}


def _response(answer: Answer) -> dict[str, Any]:
    if not answer.schema:
        return {"description": answer.about}
    if answer.schema in SCHEMAS:
        return {"description": answer.about, "content": {"application/json": {"schema": _reference(answer.schema)}}}
    return {"description": answer.about, "content": {answer.schema: {"schema": _of("string", format="binary")}}}
