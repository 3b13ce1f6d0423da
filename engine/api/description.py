"""The rows that answer with the API document of the table they belong to. On the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from engine import VERSION
from engine.api.answers import encoded, json_response, new_request_id, response_of
from engine.api.openapi import document
from engine.api.operations import Answer, Operation
from engine.engine import Engine

DOCUMENT = {"200": Answer("The API document", "Document")}


def described(
    operations: Sequence[Operation], title: str, elsewhere: Sequence[Operation] = (), *, hidden: bool = False
) -> tuple[Operation, ...]:
    """Return the table with the rows that answer with its document, in which they are too. It is made once.

    The document tells of the rows `elsewhere` as well, which this table does not answer; of its own not when `hidden`.
    """

    async def answer(_engine: Engine, _request: web.BaseRequest, _path: Mapping[str, str]) -> web.Response:
        return response_of(200, body, new_request_id())

    about = "describe this API as an OpenAPI document"
    rows = (
        *operations,
        Operation("apiDescription", ("OPTIONS",), "/", about, answer, answers=DOCUMENT, hidden=hidden),
        Operation("api-description", None, "/api-description", about, answer, answers=DOCUMENT, hidden=hidden),
    )
    body = encoded(document((*rows, *elsewhere), title, VERSION))
    return rows


def description_of(operations: Sequence[Operation], title: str) -> web.Response:
    """Return the answer that describes a part of an API."""
    return json_response(200, document(operations, title, VERSION), new_request_id())
