"""Generated calls to the management API, in an order that no person would choose, and what is compared. Pure.

Both servers get the same calls one after the other, so that they hold the same models all the time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import urlencode

from tests.differential.comparison import Exchange, Mismatch, head_mismatches
from tests.differential.http_exchange import Answer, Request
from tests.differential.packing import Archive

ARCHIVES = (
    Archive("plain", "do_nothing.py"),
    Archive("plain", "do_nothing.py", "2.0"),
    Archive("plain", "do_nothing.py", "10.0", "minWorkers: 1\nmaxWorkers: 2\nbatchSize: 3\nmaxBatchDelay: 7\n"),
    Archive("self", "explain_itself.py"),
    Archive("other", "do_nothing.py", "0.1", "responseTimeout: 33\njobQueueSize: 5\nclientTimeoutInMills: 900\n"),
)
NAMES = ("plain", "plain", "plain", "self", "other", "named", "nobody")
VERSIONS = ("1.0", "1.0", "2.0", "10.0", "0.1", "9", "all")
URLS = (*(archive.file for archive in ARCHIVES), "nothing.mar", "../plain-1.0.mar", "")
# What is a process's own, and never the same.
OWN = {"id", "startTime", "memoryUsage", "pid"}


def calls(seed: int, count: int) -> Iterator[Request]:
    """Yield `count` calls; the first register two models."""
    dice = Random(seed)
    yield Request("POST", "/models?url=plain-1.0.mar&initial_workers=1&synchronous=true")
    yield Request("POST", "/models?url=self-1.0.mar&initial_workers=1&synchronous=true")
    kinds = {_register: 5, _scale: 3, _describe: 6, _list: 3, _set_default: 3, _unregister: 2, _odd: 2}
    for kind in dice.choices(list(kinds), list(kinds.values()), k=count - 2):
        yield kind(dice)


def _register(dice: Random) -> Request:
    given: dict[str, Any] = {"url": dice.choice(URLS), "synchronous": "true"}
    optional = {
        "model_name": "named", "initial_workers": dice.choice((0, 1, 1, 2)), "batch_size": dice.choice((1, 4)),
        "max_batch_delay": dice.choice((1, 50)), "response_timeout": 44, "startup_timeout": 55, "runtime": "python",
        "handler": "do_nothing", "s3_sse_kms": "false", "unknown": "x",
    }  # fmt: skip
    given.update((name, value) for name, value in optional.items() if dice.random() < 0.25)
    if given.get("url", "").startswith("self"):
        given.pop("handler", None)
    if dice.random() < 0.3 and given["url"]:
        # TorchServe takes a delay that JSON does not give for -10000; see the document.
        body = json.dumps({"max_batch_delay": 20, **given}).encode()
        return Request("POST", "/models", (("Content-Type", "application/json"),), body)
    return Request("POST", f"/models?{urlencode(given)}")


def _scale(dice: Random) -> Request:
    given = {"min_worker": dice.randrange(3), "synchronous": "true"}
    if dice.random() < 0.5:
        given["max_worker"] = dice.randrange(3)
    return Request("PUT", f"{_model(dice, all_too=False)}?{urlencode(given)}")


def _describe(dice: Random) -> Request:
    customized = dice.choice(("", "", "?customized=true"))
    said = ("X-Describe", dice.choice(('{"a": 1}', "null", "[1]", "broken")))
    return Request("GET", _model(dice) + customized, (said,) if customized else ())


def _list(dice: Random) -> Request:
    given = {"limit": dice.choice((0, 1, 2, 100, 1000)), "next_page_token": dice.choice((0, 1, 2, 50))}
    names = [name for name in given if dice.random() < 0.6]
    return Request("GET", "/models?" + urlencode({name: given[name] for name in names}))


def _set_default(dice: Random) -> Request:
    return Request("PUT", f"/models/{dice.choice(NAMES)}/{dice.choice(VERSIONS[:-1])}/set-default")


def _unregister(dice: Random) -> Request:
    return Request("DELETE", _model(dice, all_too=False))


def _odd(dice: Random) -> Request:
    return dice.choice(
        (
            Request("GET", "/v1/models/plain"),
            Request("GET", "/v1/models/nobody"),
            Request("POST", "/v1/models/plain"),
            Request("POST", "/models/plain"),
            Request("PUT", "/models"),
            Request("PATCH", "/models/plain/1.0"),
            Request("GET", "/models/plain/1.0/more"),
            Request("GET", "/"),
            Request("GET", "/nowhere"),
            Request("GET", "/models?limit=-1"),
            Request("GET", "/models?limit=x"),
            Request("POST", "/models", (("Content-Type", "application/json"),), b"{"),
            Request("POST", "/models", (("Content-Type", "application/x-www-form-urlencoded"),), b"url=plain-1.0.mar"),
        )
    )


def _model(dice: Random, *, all_too: bool = True) -> str:
    version = dice.choice(("", *(VERSIONS if all_too else VERSIONS[:-1])))
    return f"/models/{dice.choice(NAMES)}" + (f"/{version}" if version else "")


def mismatches(exchange: Exchange) -> list[Mismatch]:
    """Return every aspect in which two answers differ, of JSON each value by its place."""
    theirs, ours = _values(exchange.theirs), _values(exchange.ours)
    heads = head_mismatches(exchange)
    heads = [pair for pair in heads if pair.aspect != "header content-length"]
    places = [place for place in dict.fromkeys((*theirs, *ours)) if theirs.get(place) != ours.get(place)]
    return heads + [Mismatch(place, theirs.get(place), ours.get(place)) for place in places]


def _values(answer: Answer) -> dict[str, Any]:
    """Return the leaves of a JSON body by their place, or the body as it is."""
    try:
        value = json.loads(answer.body)
    except ValueError:
        return {"body": answer.body}
    if isinstance(value, list):
        # TorchServe tells all versions of a model in no order.
        value = sorted(value, key=lambda version: str(version.get("modelVersion")))
    return dict(_leaves(value, "json "))


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(type(item).__name__ if name in OWN else item, f"{place}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{place}[{number}]")
        yield f"{place} length", len(value)
    else:
        # A leaf that is there differs from one that is not, even when it is null.
        yield place, value if value is not None else "null"
