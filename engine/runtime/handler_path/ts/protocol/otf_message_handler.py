"""The messages that TorchServe's server and workers exchange, as bytes and back. Pure, but for `retrieve_msg`.

Marina's own workers speak frames; nothing of Marina calls this. It is for handlers that import the streaming call from
here, and for tests that encode an answer and compare. Integers are 4 bytes, big-endian; texts follow their length.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, TypeVar

from ..utils.encoding import bytes_of
from ..utils.util import deprecated

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from ..context import Context

Item = TypeVar("Item")

LOAD_MSG, PREDICT_MSG = b"L", b"I"
END_OF_LIST = -1
STREAM_HEADER = "ts_stream_next"


@deprecated("0.12", "ts.handler_utils.utils.send_intermediate_predict_response")
def send_intermediate_predict_response(
    ret: list[Any], req_id_map: dict[int, str], message: str, code: int, context: Context | None = None
) -> None:
    """Send one piece of its answer to each request of the batch."""
    from ..handler_utils.utils import send_intermediate_predict_response as send  # noqa: PLC0415 - it imports this

    send(ret, req_id_map, message, code, context)


def create_predict_response(
    ret: list[Any] | None,
    req_id_map: dict[int, str],
    message: str,
    code: int,
    context: Context | None = None,
    ts_stream_next: bool = False,
) -> bytearray:
    """Return the answers `ret` of a batch, by index in `req_id_map`; `ret` None says that it failed."""
    try:
        bodies = {index: b"error" if ret is None else bytes_of(ret[index]) for index in req_id_map}
    except TypeError:
        return create_predict_response(None, req_id_map, "Unsupported model output data type.", 503)
    response = bytearray(_int(code) + _text(message))
    for index, request_id in req_id_map.items():
        head = _plain_head(code) if context is None else _head(context, index, ts_stream_next)
        response += _text(request_id) + head + _sized(bodies[index])
    return response + _int(END_OF_LIST)


def create_load_model_response(code: int, message: str) -> bytearray:
    """Return what a worker says once its model is loaded, or failed to load."""
    return bytearray(_int(code) + _text(message) + _int(END_OF_LIST))


def encode_response_headers(resp_hdr_map: dict[str, str]) -> bytearray:
    """Return the headers of one answer."""
    fields = (_text(name) + _text(value) for name, value in resp_hdr_map.items())
    return bytearray(_int(len(resp_hdr_map)) + b"".join(fields))


def retrieve_msg(conn: socket.socket) -> tuple[bytes, Any]:
    """Read one message to a worker: its kind, and the dict of a load or the list of requests to predict.

    Inputs stay bytes, whatever their content type. Raises ValueError for another kind, EOFError when the connection
    ends.
    """
    kind = _read(conn, 1)
    if kind == LOAD_MSG:
        return kind, _read_load(conn)
    if kind == PREDICT_MSG:
        return kind, _read_list(conn, _read_request)
    raise ValueError(f"Invalid command: {kind!r}")


def _int(number: int) -> bytes:
    return struct.pack("!i", number)


def _sized(data: bytes | bytearray) -> bytes:
    return _int(len(data)) + data


def _text(text: str) -> bytes:
    return _sized(text.encode())


def _plain_head(code: int) -> bytes:
    """Content type, status, phrase and headers of an answer that nothing was set for."""
    return _text("") + _int(code) + _text("") + encode_response_headers({})


def _head(context: Context, index: int, streams: bool) -> bytes:
    """Content type, status, phrase and headers that the handler set for one answer."""
    if streams:
        context.set_response_header(index, STREAM_HEADER, "true")
    elif context.get_response_headers(index).get(STREAM_HEADER) == "true":
        context.set_response_header(index, STREAM_HEADER, "false")
    status, phrase = context.get_response_status(index)
    content_type = context.get_response_content_type(index)
    headers = encode_response_headers(context.get_response_headers(index))
    return _text(content_type or "") + _int(status) + _text(phrase or "") + headers


def _read(conn: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = conn.recv(length - len(data))
        if not piece:
            raise EOFError("the connection ended within a message")
        data += piece
    return data


def _read_int(conn: socket.socket) -> int:
    number: int = struct.unpack("!i", _read(conn, 4))[0]
    return number


def _read_sized(conn: socket.socket) -> bytes:
    return _read(conn, _read_int(conn))


def _read_list(conn: socket.socket, read_item: Callable[[socket.socket, bytes], Item]) -> list[Item]:
    """Read items up to the end of their list; `read_item` gets the first field of each."""
    items = []
    while (length := _read_int(conn)) != END_OF_LIST:
        items.append(read_item(conn, _read(conn, length)))
    return items


def _read_load(conn: socket.socket) -> dict[str, Any]:
    message: dict[str, Any] = {"modelName": _read_sized(conn), "modelPath": _read_sized(conn)}
    message["batchSize"] = _read_int(conn)
    message["handler"] = _read_sized(conn)
    gpu = _read_int(conn)
    message["gpu"] = gpu if gpu >= 0 else None
    message["envelope"] = _read_sized(conn)
    message["limitMaxImagePixels"] = _read(conn, 1) != b"\0"
    return message


def _read_request(conn: socket.socket, request_id: bytes) -> dict[str, Any]:
    headers = _read_list(conn, lambda conn, name: {"name": name, "value": _read_sized(conn)})
    return {"requestId": request_id, "headers": headers, "parameters": _read_list(conn, _read_input)}


def _read_input(conn: socket.socket, name: bytes) -> dict[str, Any]:
    return {"name": name.decode(), "contentType": _read_sized(conn).decode(), "value": _read_sized(conn)}
