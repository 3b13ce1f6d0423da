"""The generated requests to the inference API. Pure; the same seed gives the same requests.

A request comes alone, or in a group that is sent at once and shares a batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from urllib.parse import quote

from tests.differential import inputs
from tests.differential.http_exchange import Request
from tests.differential.packing import Archive

Group = tuple[Request, ...]

BATCH = 4
ARCHIVES = (
    Archive("inspect", "inspect_request.py"),
    Archive("inspect", "inspect_request.py", "2.0", "handler:\n  words: [a, 1, null]\n"),
    Archive("values", "return_values.py"),
    Archive("set", "set_answer.py"),
    Archive("raise", "raise_error.py"),
    Archive("wrong", "return_wrong.py"),
    Archive("stream", "stream_pieces.py"),
    Archive("explained", "explain_itself.py"),
    Archive(
        "batch", "answer_batch.py", config=f"minWorkers: 1\nmaxWorkers: 1\nbatchSize: {BATCH}\nmaxBatchDelay: 5000\n"
    ),
)
METHODS = ("POST",) * 8 + ("GET", "PUT", "DELETE", "PATCH", "HEAD", inputs.UNKNOWN_METHOD)
PATHS = (
    *("/predictions/inspect",) * 8,
    *("/predictions/inspect/1.0", "/predictions/inspect/2.0", "/invocations?model_name=inspect") * 2,
    "/predictions/inspect/",
    "/predictions/inspect/1.0/",
    "/predictions/inspect/1.0/a/b%20c/d",
    "/predictions/inspect/2.0/v1/chat/completions",
    "/predictions/inspect%2F1.0",
    "/predictions//inspect",
    "/predictions/inspect//1.0",
    "/predictions/%69nspect",
    "/predictions/Inspect",
    "/predictions/nobody",
    "/predictions/inspect/9",
    "/predictions/inspect/1.0/../2.0",
    "/predictions",
    "/predictions/",
    "/explanations/inspect",
    "/explanations/inspect/2.0",
    "/explanations/inspect/2.0/rest",
    "/explanations/nobody",
    "/v1/models/inspect:predict",
    "/v1/models/inspect:explain",
    "/v1/models/nobody:predict",
    "/v1/models/inspect",
    "/v2/models/inspect/infer",
    "/v2/models/inspect/explain",
    "/v2/models/inspect/versions/1.0/infer",
    "/v2/models/inspect",
    "/models/inspect/invoke",
    "/models/inspect/invoke",
    "/models/nobody/invoke",
    "/models/inspect/1.0/invoke",
    "/inspect/predict",
    "/inspect/predict",
    "/inspect/2.0/predict",
    "/inspect/9/predict",
    "/nobody/predict",
    "/invocations",
    "/ping",
    "/nowhere",
    "/",
    "/metrics",
)


def groups(seed: int, count: int) -> Iterator[Group]:
    """Yield `count` requests in groups, each kind as often as `KINDS` says."""
    dice = Random(seed)
    left = count
    while left > 0:
        [kind] = dice.choices(list(KINDS), list(KINDS.values()))
        group = kind(dice)[:left]
        left -= len(group)
        yield group


def _inspected(dice: Random) -> Group:
    """A request of any shape, to a handler that reports what it was given, or to a path that leads nowhere."""
    path = dice.choice(PATHS)
    query = inputs.query(dice)
    target = f"{path}&{query[1:]}" if "?" in path else path + query
    headers, body = inputs.content(dice)
    chunked = body is not None and dice.random() < 0.1
    return (Request(dice.choice(METHODS), target, (*headers, *inputs.own_headers(dice)), body, chunked),)


def _wish(path: str, wish: Any, headers: inputs.Headers = ()) -> Request:
    typed = ("Content-Type", "application/json")
    return Request("POST", path, (typed, *headers), json.dumps(wish).encode())


def _values(dice: Random) -> Group:
    wish = {"value": dice.choice(VALUES), "number": dice.randrange(1, 400)}
    return (_wish("/predictions/values", wish),)


def _answer(dice: Random) -> Group:
    wish: dict[str, Any] = {}
    if dice.random() < 0.6:
        wish["status"] = dice.choice((200, 201, 202, 206, 299, 301, 400, 404, 413, 418, 429, 500, 503, 507, 599))
        if dice.random() < 0.5:
            wish["reason"] = dice.choice(("Made", "Quite all right", "é", " ", "A-B"))
    if dice.random() < 0.2:
        wish["all"] = dice.choice(([202], [202, "Taken"], [503, "Away"]))
    if dice.random() < 0.6:
        wish["headers"] = dice.sample(ANSWER_HEADERS, dice.randrange(1, 4))
    if dice.random() < 0.5:
        wish["content_type"] = dice.choice(("text/plain", "application/json", "image/png", "text/csv; charset=x", ""))
    wish["answer"] = dice.choice(("", "text", {"a": [1]}, [1, 2], None, 7))
    return (_wish("/predictions/set", wish),)


def _error(dice: Random) -> Group:
    kind = dice.choice(ERRORS)
    wish: dict[str, Any] = {
        "raise": kind,
        "message": dice.choice(("", "why", "CUDA out of memory", "naïve\n日本語", 'a "b"')),
    }
    if kind.startswith("prediction"):
        wish["code"] = dice.choice((400, 404, 413, 418, 429, 500, 503, 507, 599, 299, 200))
    return (_wish("/predictions/raise", wish),)


def _death(dice: Random) -> Group:
    kind = dice.choice(("exit", "gone", "gone", "interrupt"))
    return (_wish("/predictions/raise", {"raise": kind, "message": "", "code": dice.choice((0, 1, 3))}),)


def _wrong(dice: Random) -> Group:
    return (_wish("/predictions/wrong", {"return": dice.choice(WRONGS)}),)


def _stream(dice: Random) -> Group:
    pieces = [dice.choice(("a piece", "", "x" * 900, {"a": 1}, [1, 2], "日本語", 7)) for _ in range(dice.randrange(5))]
    wish: dict[str, Any] = {"pieces": pieces, "last": dice.choice(("end", "", {"end": True}))}
    if dice.random() < 0.3:
        wish["content_type"] = dice.choice(("text/event-stream", "application/json"))
    if dice.random() < 0.3:
        wish["headers"] = [["X-Stream", "yes"], ["ts_stream_next", "mine"]][: dice.randrange(1, 3)]
    if dice.random() < 0.2:
        wish["status"], wish["reason"] = dice.choice(((201, ""), (202, "Going on"), (404, "")))
    if dice.random() < 0.15:
        wish["fails"] = True
    return (_wish("/predictions/stream", wish),)


def _explained(dice: Random) -> Group:
    body = [dice.randrange(100) for _ in range(dice.randrange(6))]
    path = dice.choice(("/predictions/explained", "/explanations/explained", "/v1/models/explained:explain"))
    describing = (("describe", "True"), ("X-Describe", dice.choice(('{"a": 1}', "[1]", "null", "broken"))))
    return (_wish(path, body, describing if dice.random() < 0.3 else ()),)


def _batch(dice: Random) -> Group:
    """As many requests as a batch holds, so that it begins without waiting; sometimes one spoils it for all."""
    wishes: list[dict[str, Any]] = [{"number": number} for number in range(BATCH)]
    for wish in wishes:
        wish.update(dice.choice(({}, {"status": 201, "reason": "Made"}, {"status": 404}, {"header": "set"})))
    wishes[-1].update(dice.choice(({}, {}, {}, {"raise": True}, {"drop": True})))
    return tuple(_wish("/predictions/batch", wish, (("X-Mark", f"mark {i}"),)) for i, wish in enumerate(wishes))


VALUES = (
    "text", "unicode", "text of a subclass", "empty text", "long text", "lone surrogate", "bytes", "bytearray",
    "memoryview", "empty bytes", "integer", "huge integer", "float", "whole float", "true", "false", "none", "list",
    "nested", "empty list", "empty dict", "dict with numbers as keys", "dict with tuples as keys",
    "dict of a subclass", "ordered dict", "tuple", "named tuple", "enum", "nan", "infinity", "tensor", "float tensor",
    "scalar tensor", "parameter", "tensor in a list", "tensor in a dict", "set", "date", "decimal", "object", "type",
    "json text", "complex", "generator", "range",
)  # fmt: skip
ERRORS = (
    "ValueError", "KeyError", "IndexError", "AssertionError", "MemoryError", "RuntimeError", "NotImplementedError",
    "StopIteration", "OSError", "TimeoutError", "ConnectionResetError", "ZeroDivisionError", "ArithmeticError",
    "json", "recursion", "unusual", "cause", *("prediction",) * 6, "prediction without a code",
    "prediction of a subclass",
)  # fmt: skip
WRONGS = (
    "none", "empty", "two", "text", "bytes", "dict", "tuple", "list of a subclass", "generator", "tensor", "array",
    "number", "nested", "none in a list",
)  # fmt: skip
ANSWER_HEADERS = (
    ["X-Mine", "value"], ["x-mine", "lower"], ["X-Empty", ""], ["Content-Length", "3"], ["Connection", "close"],
    ["X-Request-Id", "mine"], ["Cache-Control", "max-age=60"], ["Pragma", "mine"], ["Expires", "0"],
    ["Set-Cookie", "a=1"], ["Server", "mine"], ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"],
    ["Content-Type", "text/html"], ["content-type", "text/xml"], ["Content-Encoding", "x-mine"],
    ["Content-Disposition", 'attachment; filename="a.txt"'], ["Location", "/elsewhere"], ["X-Latin", "caf\u00e9"],
    ["Retry-After", "1"], ["ETag", '"x"'], ["Access-Control-Allow-Origin", "*"], ["X-Content-Type-Options", "mine"],
)  # fmt: skip
KINDS: dict[Callable[[Random], Group], int] = {
    _inspected: 500,
    _values: 120,
    _answer: 130,
    _error: 70,
    _death: 8,
    _wrong: 30,
    _stream: 60,
    _explained: 30,
    _batch: 15,
}


def register_queries() -> list[str]:
    """Return the query of `POST /models` for each archive, the default versions first."""
    return [f"url={quote(archive.file)}&initial_workers=1&synchronous=true" for archive in ARCHIVES]
