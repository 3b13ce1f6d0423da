"""One HTTP request as bytes that both servers get alike, its answer, and the request as a curl line. Blocking."""

from __future__ import annotations

import http.client
import shlex
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 30.0
HOST = "localhost"  # without a port, so that handlers see the same header from both servers
SHOWN = 2000


@dataclass(frozen=True)
class Request:
    """What a client sends. `headers` keep their order, spelling and repetitions; `chunked` sends the body so."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    chunked: bool = False

    def header(self, name: str) -> str:
        """Return the last header of that name in any case, "" when there is none."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name.lower()), "")


@dataclass(frozen=True)
class Answer:
    """What came back; header names are in lower case, in the order of the answer. `error` tells why nothing did."""

    status: int = 0
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[bytes, ...] = ()
    error: str = ""

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def header(self, name: str) -> str | None:
        """Return all values of a header, joined by commas; None when it is not there."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


def send(port: int, request: Request) -> Answer:
    """Send `request` over a connection of its own and read the whole answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)) as connection:
        # A server may answer, and close, before it has read everything.
        with suppress(BrokenPipeError, ConnectionResetError):
            _write(connection, request)
        try:
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            return Answer(error=f"no answer: {type(error).__name__}")
        return _read(response)


def _write(connection: http.client.HTTPConnection, request: Request) -> None:
    connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
    for name, value in (("Host", HOST), *request.headers):
        connection.putheader(name, value)
    if request.chunked:
        connection.putheader("Transfer-Encoding", "chunked")
    elif request.body is not None:
        connection.putheader("Content-Length", str(len(request.body)))
    content = None if request.body is None else iter([request.body]) if request.chunked else request.body
    connection.endheaders(content, encode_chunked=request.chunked)


def _read(response: http.client.HTTPResponse) -> Answer:
    headers = tuple((name.lower(), value) for name, value in response.getheaders())
    chunks: list[bytes] = []
    error = ""
    try:
        chunks.extend(_pieces(response))
    except (OSError, http.client.HTTPException) as broken:
        error = "broken off"
        chunks.append(broken.partial if isinstance(broken, http.client.IncompleteRead) else b"")
    return Answer(response.status, response.reason, headers, tuple(chunks), error)


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the body, by chunk where it came in chunks."""
    if not response.chunked:
        yield response.read()
        return
    while piece := response.read1():
        yield piece


def curl(port: int, request: Request, body_file: Path) -> str:
    """Return the line for a terminal that sends `request`; a body that a terminal cannot hold goes to `body_file`."""
    words = ["curl", "-i", "--path-as-is", "-X", request.method, "-H", f"Host: {HOST}"]
    for name, value in request.headers:
        words += ["-H", f"{name}: {value}" if value else f"{name};"]
    if request.chunked:
        words += ["-H", "Transfer-Encoding: chunked"]
    if request.body is not None:
        words += ["--data-binary", _body_argument(request.body, body_file)]
        if not request.header("content-type"):
            words += ["-H", "Content-Type:"]
    return shlex.join([*words, f"http://127.0.0.1:{port}{request.path}"])


def _body_argument(body: bytes, file: Path) -> str:
    if len(body) < SHOWN and body.isascii() and body.decode().isprintable() and not body.startswith(b"@"):
        return body.decode()
    file.write_bytes(body)
    return f"@{file}"
