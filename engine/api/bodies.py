"""From an HTTP request to the inputs that a handler gets, by TorchServe's rules. On the loop."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from engine.api.forms import FormLimits, read_fields, read_parts, text_of
from engine.engine import Engine
from engine.serving.jobs import Input
from engine.threads import Pauses, no_pause

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"  # TorchServe: any other multipart type is a body as it is
# Bytes of a form up to which it is read on the loop: that takes less than a millisecond per KiB at worst.
SMALL_FORM = 1024
# Bytes below which pieces of a body are joined: each takes up memory besides its bytes, and a call to be sent on.
SMALL_PIECE = 16 * 1024


def headers_of(request: web.BaseRequest) -> dict[str, str]:
    """Return the headers as a handler gets them: spelled as the client does, each byte a character (TorchServe)."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.raw_headers}


async def read_inputs(engine: Engine, request: web.BaseRequest) -> list[Input]:
    """Return the parts of a form under their names, or the whole body as `body`.

    Raises BadRequestError for a form that cannot be read, and aiohttp's HTTPRequestEntityTooLarge over the size limit.
    """
    pieces = await _pieces(request)
    if is_form(request):
        return await _form_inputs(engine, request, pieces)
    first, *rest = pieces or [b""]
    return [Input("body", text_of(request.headers.get("Content-Type", "")), first, tuple(rest))]


def is_form(request: web.BaseRequest) -> bool:
    """Whether the body of a request is taken apart into fields."""
    return request.content_type in (FORM, MULTIPART)


async def _form_inputs(engine: Engine, request: web.BaseRequest, pieces: list[bytes]) -> list[Input]:
    settings, protocol = engine.settings, request.protocol
    limits = FormLimits(
        settings.max_form_fields,
        settings.max_form_parts,
        request._client_max_size,  # noqa: SLF001 - see `_pieces`
        protocol.max_field_size,
        protocol.max_headers,
    )
    headers = request.headers

    def read(pause: Callable[[], None]) -> list[Input]:
        if request.content_type == FORM:
            return read_fields(pieces, limits, pause)
        return read_parts(headers, pieces, limits, pause)

    if sum(map(len, pieces)) <= SMALL_FORM:
        return read(no_pause)
    return await engine.parse(lambda: read(Pauses()))


def add_piece(pieces: list[bytes], piece: bytes) -> None:
    """Add what came next of a body."""
    if pieces and len(pieces[-1]) < SMALL_PIECE:
        pieces[-1] += piece
    else:
        pieces.append(piece)


async def _pieces(request: web.BaseRequest) -> list[bytes]:
    """Return the body as it came; aiohttp's own `read` copies it three times."""
    most = request._client_max_size  # noqa: SLF001 - aiohttp has no public name for it
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
    return [Input(text_of(name), "", text_of(value).encode()) for name, value in request.query.items()]
