"""The metrics API, port 8082: what Prometheus scrapes. On the loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from aiohttp import web

from engine.api.answers import COMMON_HEADERS, new_request_id
from engine.api.operations import Answer, Kind, Operation, Parameter
from engine.engine import Engine
from engine.metrics.exposition import CONTENT_TYPE

NAMES = Parameter("name[]", Kind.TEXT, "a family of metrics to answer with, repeatable; all of them when not given")


async def metrics(engine: Engine, request: web.BaseRequest, _path: Mapping[str, str]) -> web.Response:
    """Answer any method with the metrics as text; what follows /metrics in the path means nothing (TorchServe)."""
    body = await engine.metrics.text(frozenset(request.query.getall(NAMES.name, ())))
    headers = {**COMMON_HEADERS, "x-request-id": new_request_id(), "Content-Type": CONTENT_TYPE}
    return web.Response(body=body, headers=headers)


METRICS = Operation(
    "metrics",
    None,
    "/metrics/{rest...}",
    "read the metrics as Prometheus' text",
    metrics,
    (NAMES,),
    answers={"200": Answer("The metrics; nothing while metrics_mode is log", "text/plain")},
)
OPERATIONS = (METRICS,)
# TorchServe: the documents of the other ports tell of it, where it is not found.
ELSEWHERE = (
    dataclasses.replace(METRICS, answers={**METRICS.answers, "404": Answer("Metrics are answered at metrics_address")}),
)
