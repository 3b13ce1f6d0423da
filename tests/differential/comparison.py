"""Where two answers to the same request differ, and which of that is declared. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tests.differential.http_exchange import Answer, Request

REQUEST_ID = "x-request-id"


class Mismatch(NamedTuple):
    """One aspect of an answer, such as `status` or `header connection`, as TorchServe and as Marina have it."""

    aspect: str
    theirs: object
    ours: object


class Exchange(NamedTuple):
    """A request with both answers, made comparable."""

    request: Request
    theirs: Answer
    ours: Answer


@dataclass(frozen=True)
class Difference:
    """A deliberate difference: `covers` says whether it explains a mismatch. `documented` stands word for word in
    docs/torchserve-compatibility.md. `general` ones concern nearly every answer, whatever was asked.
    """

    name: str
    reason: str
    documented: str
    covers: Callable[[Exchange, Mismatch], bool]
    general: bool = False


def comparable(answer: Answer) -> Answer:
    """Return the answer with its request id, wherever it stands, replaced by a word: ids are never the same."""
    request_id = answer.header(REQUEST_ID) or "<no id>"
    found = request_id.encode("latin-1", "replace")
    headers = tuple((name, value.replace(request_id, "<id>")) for name, value in answer.headers)
    return replace(answer, headers=headers, chunks=tuple(piece.replace(found, b"<id>") for piece in answer.chunks))


def mismatches(exchange: Exchange) -> list[Mismatch]:
    """Return every aspect in which the answers differ."""
    theirs, ours = exchange.theirs, exchange.ours
    if bool(theirs.status) != bool(ours.status):
        return [Mismatch("answered", theirs.status or theirs.error, ours.status or ours.error)]
    return [*head_mismatches(exchange), *(pair for pair in _bodies(theirs, ours) if pair.theirs != pair.ours)]


def head_mismatches(exchange: Exchange) -> list[Mismatch]:
    """Return every aspect but the body in which two answers differ."""
    theirs, ours = exchange.theirs, exchange.ours
    pairs = [
        Mismatch("status", theirs.status, ours.status),
        Mismatch("reason", theirs.reason, ours.reason),
        Mismatch("end", theirs.error, ours.error),
        *(Mismatch(f"header {name}", theirs.header(name), ours.header(name)) for name in _names(exchange)),
    ]
    return [pair for pair in pairs if pair.theirs != pair.ours]


def explained(
    exchange: Exchange, found: Iterable[Mismatch], declared: Iterable[Difference]
) -> tuple[set[str], list[Mismatch]]:
    """Return the names of the declared differences that were met, and the mismatches that none of them covers."""
    declared = list(declared)
    met: set[str] = set()
    unexplained = []
    for mismatch in found:
        names = [difference.name for difference in declared if difference.covers(exchange, mismatch)]
        met.update(names[:1])
        if not names:
            unexplained.append(mismatch)
    return met, unexplained


def _names(exchange: Exchange) -> list[str]:
    """Return the headers to compare; the length only says once more that the bodies, or unseen bodies, differ."""
    theirs, ours = exchange.theirs, exchange.ours
    names = {name for answer in (theirs, ours) for name, _ in answer.headers}
    if theirs.body != ours.body or exchange.request.method == "HEAD":
        names.discard("content-length")
    return sorted(names)


def _bodies(theirs: Answer, ours: Answer) -> list[Mismatch]:
    """Return what there is to compare of the bodies: a report of what a handler was given entry by entry.

    Where both connections broke it depends on the moment how much had arrived.
    """
    if theirs.error and ours.error:
        return []
    if theirs.body == ours.body:
        return [Mismatch("chunks", theirs.chunks, ours.chunks)]
    reports = [_report(answer.body) for answer in (theirs, ours)]
    if not all(reports):
        return [Mismatch("body", theirs.body, ours.body)]
    old, new = reports
    return [Mismatch(f"handler's {what}", old.get(what), new.get(what)) for what in sorted({*old, *new})]


def _report(body: bytes) -> dict[str, Any]:
    """Return the entries of a report of `handlers/inspect_request.py`; none for any other body."""
    try:
        report = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(report, dict) or not {"inputs", "headers"} <= report.keys():
        return {}
    entries = {what: value for what, value in report.items() if what not in {"inputs", "headers"}}
    entries["order of inputs"] = [name for name, *_ in report["inputs"]]
    entries.update((f"input {name}", rest) for name, *rest in report["inputs"])
    entries.update((f"header {name}", rest) for name, *rest in report["headers"])
    return entries
