"""One request of a scenario, and what came back for it. Blocking.

A step's request: `method`, `path`, `headers`, `timeout` (seconds, 30 if not given), and at most one of `body` (a string
as it is, anything else as JSON; "<base64:..>" and "<zeros:N>" are bytes), `form` ({name: value}) and `multipart`
([{"name", "value", "filename"?, "content_type"?}]).
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.conformance.patterns import MISSING, mismatch

Step = dict[str, Any]
TIMEOUT = 30.0
LATE = "no answer in time"
REFUSED = ConnectionRefusedError.__name__


@dataclass(frozen=True)
class Answer:
    """What came back for one request; `error` tells why nothing did."""

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: tuple[bytes, ...] = ()
    error: str = ""

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return MISSING

    def is_clean_error(self, last: int) -> bool:
        """Whether this is an error in JSON, with a status from 400 to `last`."""
        shape = {"code": self.status, "type": "<string>", "message": "<string>"}
        return 400 <= self.status <= last and mismatch(shape, self.json, "") is None


def send(base_url: str, step: Step) -> Answer:
    """Send the request of `step` and wait for the whole answer."""
    address = urlsplit(base_url)
    timeout = step.get("timeout", TIMEOUT)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)) as connection:
        try:
            return _exchange(connection, step)
        except TimeoutError:
            return Answer(error=LATE)
        except (OSError, http.client.HTTPException) as error:
            return Answer(error=f"no answer: {type(error).__name__} {error}".strip())


def _exchange(connection: http.client.HTTPConnection, step: Step) -> Answer:
    headers, body = _payload(step)
    chunked = headers.get("Transfer-Encoding") == "chunked"
    # The server may answer before it has read everything.
    with suppress(BrokenPipeError, ConnectionResetError):
        content = iter([body or b""]) if chunked else body
        connection.request(step["method"], step["path"], content, headers, encode_chunked=chunked)
    response = connection.getresponse()
    named = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, response.reason, named, tuple(_pieces(response)))


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the body, by chunk where it came in chunks."""
    if not response.chunked:
        yield response.read()
        return
    while piece := response.read1():
        yield piece


def _payload(step: Step) -> tuple[dict[str, str], bytes | None]:
    headers = dict(step.get("headers", {}))
    if "form" in step:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return headers, urlencode(step["form"]).encode()
    if "multipart" in step:
        boundary = uuid.uuid4().hex
        headers.setdefault("Content-Type", f"multipart/form-data; boundary={boundary}")
        return headers, _multipart(step["multipart"], boundary)
    if "body" not in step:
        return headers, None
    if isinstance(step["body"], str):
        return headers, _raw_bytes(step["body"])
    headers.setdefault("Content-Type", "application/json")
    return headers, json.dumps(step["body"]).encode()


def _multipart(parts: list[dict[str, str]], boundary: str) -> bytes:
    lines: list[bytes] = []
    for part in parts:
        disposition = f'form-data; name="{part["name"]}"'
        if "filename" in part:
            disposition += f'; filename="{part["filename"]}"'
        lines += [f"--{boundary}".encode(), f"Content-Disposition: {disposition}".encode()]
        if "content_type" in part:
            lines.append(f"Content-Type: {part['content_type']}".encode())
        lines += [b"", _raw_bytes(part["value"])]
    return b"\r\n".join([*lines, f"--{boundary}--".encode(), b""])


def _raw_bytes(text: str) -> bytes:
    if match := re.fullmatch(r"<(base64|zeros):(.*)>", text):
        kind, argument = match.groups()
        return base64.b64decode(argument) if kind == "base64" else bytes(int(argument))
    return text.encode()
