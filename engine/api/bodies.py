"""From an HTTP request to the inputs that a handler gets, by TorchServe's rules. On the loop."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from engine.errors import BadRequestError
from engine.serving.jobs import Input

FORM = "application/x-www-form-urlencoded"


def headers_of(request: web.BaseRequest) -> dict[str, str]:
    """Return the headers as a handler gets them."""
    return {name: _text(value) for name, value in request.headers.items()}


async def read_inputs(request: web.BaseRequest) -> list[Input]:
    """Return the parts of a form under their names, or the whole body as `body`.

    Raises BadRequestError for a form that cannot be read, and aiohttp's HTTPRequestEntityTooLarge over the size limit.
    """
    content_type = request.content_type
    if content_type.startswith("multipart/"):
        return await _parts(request)
    body = await request.read()
    if content_type == FORM:
        return _fields(body)
    return [Input("body", _text(request.headers.get("Content-Type", "")), body)]


def query_inputs(request: web.BaseRequest) -> list[Input]:
    """Return the query's parameters as inputs; of a name that comes twice a handler sees the last."""
    return [Input(_text(name), "", _text(value).encode()) for name, value in request.query.items()]


def _text(value: str) -> str:
    """Replace the bytes of a header or a query that are no UTF-8: no frame could carry them."""
    return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="replace")


def _fields(body: bytes) -> list[Input]:
    """Read a urlencoded form; a repeated field's last value counts, a body without `=` or `&` has no field at all."""
    if b"=" not in body and b"&" not in body:
        return []
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    except ValueError as error:
        raise BadRequestError(f"The form cannot be read: {error}") from None
    return [Input(name, "", value.encode()) for name, value in fields.items()]


async def _parts(request: web.BaseRequest) -> list[Input]:
    """Read a multipart form; only a part with a file name keeps its content type (TorchServe)."""
    inputs: dict[str, Input] = {}
    left = request._client_max_size  # noqa: SLF001 - aiohttp limits whole bodies alone; parts add up to the same limit
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or not part.name:
                raise BadRequestError("Each part of the form needs a name.")
            data = bytes(await part.read(decode=True))
            left -= len(data)
            if left < 0:
                raise web.HTTPRequestEntityTooLarge(max_size=request._client_max_size, actual_size=-left)  # noqa: SLF001
            name = _text(part.name)
            content_type = _text(part.headers.get("Content-Type", "")) if part.filename is not None else ""
            inputs[name] = Input(name, content_type, data)
    except HttpProcessingError as error:
        raise BadRequestError(f"The form cannot be read: {error.message}") from None
    except (ValueError, RuntimeError) as error:
        # aiohttp: RuntimeError for a transfer encoding that nobody knows.
        raise BadRequestError(f"The form cannot be read: {error}") from None
    return list(inputs.values())
