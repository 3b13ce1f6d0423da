"""From an HTTP request to the inputs that a handler gets, by TorchServe's rules. On the loop."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from engine.errors import BadRequestError
from engine.serving.jobs import Input

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"  # TorchServe: any other multipart type is a body as it is
BYTES = "application/octet-stream"
# Bytes below which pieces of a body are joined: each takes up memory besides its bytes, and a call to be sent on.
SMALL_PIECE = 16 * 1024


def headers_of(request: web.BaseRequest) -> dict[str, str]:
    """Return the headers as a handler gets them: spelled as the client does, each byte a character (TorchServe)."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.raw_headers}


async def read_inputs(request: web.BaseRequest) -> list[Input]:
    """Return the parts of a form under their names, or the whole body as `body`.

    Raises BadRequestError for a form that cannot be read, and aiohttp's HTTPRequestEntityTooLarge over the size limit.
    """
    content_type = request.content_type
    if content_type == MULTIPART:
        return await _parts(request)
    pieces = await _pieces(request)
    if content_type == FORM:
        return _fields(b"".join(pieces))
    first, *rest = pieces or [b""]
    return [Input("body", _text(request.headers.get("Content-Type", "")), first, tuple(rest))]


def add_piece(pieces: list[bytes], piece: bytes) -> None:
    """Add what came next of a body."""
    if pieces and len(pieces[-1]) < SMALL_PIECE:
        pieces[-1] += piece
    else:
        pieces.append(piece)


async def _pieces(request: web.BaseRequest) -> list[bytes]:
    """Return the body as it came; aiohttp's own `read` copies it three times."""
    most = request._client_max_size  # noqa: SLF001 - see `_parts`
    request.content.set_read_chunk_size(most)
    pieces: list[bytes] = []
    size = 0
    while piece := await request.content.readany():
        size += len(piece)
        if size > most:
            raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size)
        add_piece(pieces, piece)
    return pieces


def query_inputs(request: web.BaseRequest) -> list[Input]:
    """Return the query's parameters as inputs; of a name that comes twice a handler sees the last."""
    return [Input(_text(name), "", _text(value).encode()) for name, value in request.query.items()]


def _text(value: str) -> str:
    """Replace the bytes of a header or a query that are no UTF-8: no frame could carry them."""
    return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="replace")


def _fields(body: bytes) -> list[Input]:
    """Read a urlencoded form; of a repeated field the last value counts.

    TorchServe: a line end closes the form, and what stands last in it without a `=` is no field. Values are bytes.
    """
    body = body.rstrip(b"\r\n")
    others, _, last = body.rpartition(b"&")
    if b"=" not in last:
        body = others
    # In Latin-1 every byte is one character, so values come through as the bytes they are.
    fields = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1"))
    return [
        Input(name.encode("latin-1").decode(errors="replace"), "", value.encode("latin-1"))
        for name, value in fields.items()
    ]


async def _parts(request: web.BaseRequest) -> list[Input]:
    """Read a multipart form; only a part with a file name has a content type, bytes when it names none (TorchServe)."""
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
            content_type = _text(part.headers.get("Content-Type", BYTES)) if part.filename is not None else ""
            inputs[name] = Input(name, content_type, data)
    except HttpProcessingError as error:
        raise BadRequestError(f"The form cannot be read: {_text(error.message)}") from None
    except (ValueError, RuntimeError) as error:
        # aiohttp: RuntimeError for a transfer encoding that nobody knows.
        raise BadRequestError(f"The form cannot be read: {_text(str(error))}") from None
    return list(inputs.values())
