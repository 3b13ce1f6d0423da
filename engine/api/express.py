"""The express lane: predictions whose length is told, and GETs that wait for nothing. On the loop; hot.

Such a request costs no task and no coroutine, and its head is read once however often it comes. The lane recognises
what it takes by a grammar that is narrower than HTTP's; everything else is aiohttp's to read, to answer and to refuse.
Both lanes answer alike, which `tests/engine/api/test_express.py` checks.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, NamedTuple

from multidict import CIMultiDict

from engine.api.answers import FIRST_ERROR, encoded, new_request_id
from engine.api.authorization import Guard
from engine.api.callers import Callers
from engine.api.inference import FIRST_BYTES, LARGE, WITHOUT_BODY, handler_headers, predict, reply_headers, status_of
from engine.api.reply_head import head_problem
from engine.api.request import Begun, complete, cors_headers
from engine.api.router import MethodUnknownError, PathUnknownError, Router
from engine.engine import Engine
from engine.memory_account import Account
from engine.serving.jobs import Input, Reply

# Bytes of the longest head that is taken; it fits into what a loop reads at once.
LONGEST_HEAD = 4 * 1024
END_OF_HEAD = b"\r\n\r\n"
NOTHING = memoryview(b"")
# Heads, both of requests and of answers, that are remembered; clients and handlers repeat theirs.
REMEMBERED = 256

_SEGMENT = rb"/[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
_FIELD = rb"\r\n[A-Za-z0-9-]+: [!-~](?:[ -~]*[!-~])?"
_HEAD = re.compile(rb"(GET|POST|PUT) ((?:%s)+) HTTP/1\.1((?:%s)+)" % (_SEGMENT, _FIELD))
_LENGTH = re.compile(r"[0-9]{1,10}")
_LENGTH_FIELD = re.compile(rb"\r\nContent-Length: [0-9]+", re.IGNORECASE)
# With one of these a request may need more than its body's length and bytes to be understood.
_OTHERWISE_READ = ("Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Proxy-Connection")
_FORMS = ("multipart/", "application/x-www-form-urlencoded")
_EMPTY = (*WITHOUT_BODY, HTTPStatus.RESET_CONTENT)
JSON = {"Content-Type": "application/json"}


class Wanted(NamedTuple):
    """What the head of a request asks for: what `look` tells, else a prediction. `length` is the body's, in bytes."""

    look: Callable[[], tuple[int, Any]] | None
    model: str
    version: str | None
    content_type: str
    authorization: str
    length: int
    headers: dict[str, str]


class ExpressLane:
    """Recognises, asks and writes for the connections of one listener, by the rules of that listener."""

    def __init__(self, engine: Engine, router: Router, callers: Callers, guard: Guard | None, held: Account) -> None:
        """`router`, `callers`, `guard` and `held` are those that decide in the other lane too."""
        self._engine = engine
        self._router = router
        self._callers = callers
        self._guard = guard
        self.held = held
        self.access = engine.metrics.access
        self._largest = engine.settings.max_request_size
        self._cors = cors_headers(engine.settings)
        self._remembered = lru_cache(REMEMBERED)(self._read)
        self._answer_head = lru_cache(REMEMBERED)(self._written_head)
        self._date = _Date()

    def recognised(self, head: bytes) -> Wanted | None:
        """Return what a head, without its empty line, asks for; None when the other lane has to look at it."""
        if len(head) > LONGEST_HEAD:
            return None
        wanted = self._remembered(head)
        if wanted is not None and self._guard is not None and not self._guard.allows(wanted.authorization):
            return None
        return wanted

    def ask(self, wanted: Wanted, body: list[bytes]) -> Begun:
        """Begin the request, whose body came in one or more pieces; a refusal comes by the future."""
        request_id = new_request_id()
        try:
            if wanted.look is None:
                inputs = (Input("body", wanted.content_type, body[0], tuple(body[1:])),)
                # A sequence adds headers of its own.
                headers = wanted.headers.copy()
                future = self._engine.predict(wanted.model, wanted.version, request_id, headers, inputs)
            else:
                future = _answered(*wanted.look())
        except Exception as error:  # noqa: BLE001 - the other lane answers it, whatever it is
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        return Begun(request_id, future) if self.access is None else Begun(request_id, future, time.perf_counter())

    def written(self, begun: Begun) -> tuple[bytes, memoryview] | None:
        """Return the answer as it goes out, counted: its beginning, and what follows that when it is large.

        None when the other lane has to answer.
        """
        future = begun.future
        if future.cancelled() or future.exception() is not None:
            return None
        reply = future.result()
        status = status_of(reply)
        if reply.stream is not None or status >= FIRST_ERROR or status in _EMPTY or not _is_short(reply):
            return None
        size = len(reply.body)
        head = self._answer_head(status, reply.phrase, tuple(reply.headers.items()), size > 0)
        if head is None:
            return None
        self._engine.metrics.answers.count(status)
        own = b"x-request-id: %b\r\nContent-Length: %d\r\n" % (begun.request_id.encode(), size)
        first, rest = (reply.body, NOTHING) if size <= LARGE else _split(reply.body)
        return b"".join((head, own, self._date.line(), b"\r\n", first)), rest

    def _read(self, head: bytes) -> Wanted | None:
        found = _HEAD.fullmatch(head)
        if found is None:
            return None
        method, path, lines = (part.decode() for part in found.groups())
        pairs = [line.split(": ", 1) for line in lines.split("\r\n")[1:]]
        headers = CIMultiDict([(name, value) for name, value in pairs])
        if not _is_plain(headers, self._largest) or self._callers.refusal(path, headers):
            return None
        try:
            operation, values = self._router.find(method, path)
        except (PathUnknownError, MethodUnknownError):
            return None
        length = int(headers.get("Content-Length", "0"))
        at_once = None if length else operation.at_once
        if operation.handler is not predict and at_once is None:
            return None
        return Wanted(
            partial(at_once, self._engine, values) if at_once else None,
            values.get("model_name", ""),
            values.get("model_version"),
            headers.get("Content-Type", ""),
            headers.get("Authorization", ""),
            length,
            handler_headers(dict(headers), values),
        )

    def _written_head(
        self,
        status: int,
        phrase: str,
        pairs: tuple[tuple[str, str], ...],
        has_body: bool,  # noqa: FBT001 - a key
    ) -> bytes | None:
        """Return the lines that are the same for every such answer; None for what the other lane has to refuse."""
        reply = Reply(status, phrase, dict(pairs), b"", None)
        if head_problem(reply):
            return None
        headers = CIMultiDict(reply_headers(reply))
        if has_body:
            headers.setdefault("Content-Type", "application/octet-stream")
        complete(headers, self._cors)
        if "Date" in headers:
            return None
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {status} {phrase}\r\n{lines}".encode()


def _is_plain(headers: CIMultiDict[str], largest: int) -> bool:
    """Whether nothing is said twice, and nothing that changes how the request is read, or how long it stays."""
    length, content_type = headers.get("Content-Length", "0"), headers.get("Content-Type", "").lower()
    return (
        len(set(headers.keys())) == len({name.lower() for name in headers}) == len(headers)
        and not any(name in headers for name in _OTHERWISE_READ)
        and headers.get("Connection", "keep-alive").lower() == "keep-alive"
        and _LENGTH.fullmatch(length) is not None
        and int(length) <= largest
        and not content_type.startswith(_FORMS)
    )


def _answered(status: int, value: Any) -> asyncio.Future[Reply]:
    """Return the answer that is there already, as `json_response` gives it."""
    future = asyncio.get_running_loop().create_future()
    future.set_result(Reply(status, HTTPStatus(status).phrase, JSON, encoded(value), None))
    return future


def without_body(head: bytes) -> bytes:
    """Return the head, which the lane recognised, of the same request with an empty body."""
    return _LENGTH_FIELD.sub(b"\r\nContent-Length: 0", head)


def _split(body: bytes | memoryview) -> tuple[memoryview, memoryview]:
    """Return what of a large answer goes out with its head, and the rest."""
    view = memoryview(body)
    return view[:FIRST_BYTES], view[FIRST_BYTES:]


def _is_short(reply: Reply) -> bool:
    """Whether the head of an answer may be remembered: a handler must not fill the memory with heads of its own."""
    if not reply.headers:
        return len(reply.phrase) <= LONGEST_HEAD
    return sum(len(name) + len(value) for name, value in reply.headers.items()) + len(reply.phrase) <= LONGEST_HEAD


class _Date:
    """The line that says when, put together once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        """Return the line of this second."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._line
