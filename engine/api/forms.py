"""Forms as inputs of a handler, by TorchServe's rules. Pure; small forms are read on the loop, others in a thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError

from engine.errors import BadRequestError
from engine.serving.jobs import Input

BYTES = "application/octet-stream"
# Bytes of a body that aiohttp's reader of forms gets at once: it copies what is left of a piece with each part.
PIECE = 16 * 1024
# Bytes of a value that are unquoted between two pauses.
UNQUOTED = 16 * 1024
Result = TypeVar("Result")
Pause = Callable[[], None]


class FormLimits(NamedTuple):
    """How many fields or parts a form may have, its bytes, and for each part the bytes of a header line and headers."""

    fields: int
    parts: int
    size: int
    header_line: int
    headers: int


def text_of(value: str) -> str:
    """Replace the bytes of a header or a query that are no UTF-8: no frame could carry them."""
    return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="replace")


def read_fields(pieces: Sequence[bytes], limits: FormLimits, pause: Pause) -> list[Input]:
    """Read a urlencoded form; of a repeated field the last value counts. Raises BadRequestError for too many fields.

    TorchServe: a line end closes the form, and what stands last in it without a `=` is no field. Values are bytes.
    """
    body = b"".join(pieces).rstrip(b"\r\n")
    others, _, last = body.rpartition(b"&")
    if b"=" not in last:
        body = others
    # A form of `&` alone has no fields, but must be looked through too.
    if body.count(b"&") >= limits.fields:
        raise BadRequestError(f"The form has more than {limits.fields} fields (max_form_fields).")
    fields: dict[str, bytes] = {}
    for pair in body.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            fields[_unquoted(name, pause).decode(errors="replace")] = _unquoted(value, pause)
        pause()
    return [Input(name, "", value) for name, value in fields.items()]


def read_parts(headers: Mapping[str, str], pieces: Sequence[bytes], limits: FormLimits, pause: Pause) -> list[Input]:
    """Read a multipart form; only a part with a file name has a content type, bytes when it names none (TorchServe).

    Raises BadRequestError for a form that cannot be read or has too many parts, and aiohttp's
    HTTPRequestEntityTooLarge for parts that are larger than the limit together.
    """
    try:
        return _finished(_parts(headers, _stream_of(pieces), limits, pause))
    except HttpProcessingError as error:
        raise BadRequestError(f"The form cannot be read: {text_of(error.message)}") from None
    except (ValueError, RuntimeError) as error:
        # aiohttp: RuntimeError for a transfer encoding that it does not know.
        raise BadRequestError(f"The form cannot be read: {text_of(str(error))}") from None


def _unquoted(text: bytes, pause: Pause) -> bytes:
    """Return `text` with its `+` and `%` escapes replaced."""
    text = text.replace(b"+", b" ")
    if len(text) <= UNQUOTED:
        return unquote_to_bytes(text)
    pieces = []
    start = 0
    while start < len(text):
        end = start + UNQUOTED
        # An escape has three bytes; one that begins among the last two belongs to the next piece.
        cut = text.find(b"%", end - 2, end)
        end = cut if cut > 0 else end
        pieces.append(unquote_to_bytes(text[start:end]))
        start = end
        pause()
    return b"".join(pieces)


def _stream_of(pieces: Sequence[bytes]) -> StreamReader:
    """Return the whole body as a stream at its end, which never has to wait."""
    loop: Any = object()  # only a stream that waits uses its loop
    stream = StreamReader(BaseProtocol(loop), sum(map(len, pieces)) + 1, loop=loop)
    for piece in pieces:
        for start in range(0, len(piece), PIECE):
            stream.feed_data(piece[start : start + PIECE])
    stream.feed_eof()
    return stream


def _finished(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that never waits, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    coroutine.close()
    raise RuntimeError("its end is missing")


async def _parts(headers: Mapping[str, str], stream: StreamReader, limits: FormLimits, pause: Pause) -> list[Input]:
    reader = MultipartReader(
        headers,
        stream,
        client_max_size=limits.size,
        max_field_size=limits.header_line,
        max_headers=limits.headers,
        max_size_error_cls=web.HTTPRequestEntityTooLarge,
    )
    inputs: dict[str, Input] = {}
    found, left = 0, limits.size
    async for part in reader:
        found += 1
        if found > limits.parts:
            raise BadRequestError(f"The form has more than {limits.parts} parts (max_form_parts).")
        if not isinstance(part, BodyPartReader) or not part.name:
            raise BadRequestError("Each part of the form needs a name.")
        data = bytes(await part.read(decode=True))
        left -= len(data)
        if left < 0:
            raise web.HTTPRequestEntityTooLarge(max_size=limits.size, actual_size=limits.size - left)
        name = text_of(part.name)
        content_type = text_of(part.headers.get("Content-Type", BYTES)) if part.filename is not None else ""
        inputs[name] = Input(name, content_type, data)
        pause()
    return list(inputs.values())
