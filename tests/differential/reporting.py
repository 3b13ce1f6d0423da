"""What is told of a comparison: its figures, and each undeclared difference with the request as a curl line."""

from __future__ import annotations

import difflib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.differential.comparison import Difference, Exchange, Mismatch, explained, mismatches
from tests.differential.http_exchange import curl

SHOWN = 600
CONTEXT = 1


@dataclass
class Report:
    """Takes exchanges one by one. `folder` gets the bodies that no terminal can hold; `port` is the curl lines'."""

    title: str
    seed: int
    declared: tuple[Difference, ...]
    folder: Path
    port: int
    compare: Callable[[Exchange], list[Mismatch]] = mismatches
    started: float = field(default_factory=time.monotonic)
    compared: int = 0
    identical: int = 0
    met: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def take(self, exchange: Exchange) -> None:
        """Compare the two answers and keep what there is to tell."""
        self.compared += 1
        found = self.compare(exchange)
        names, unexplained = explained(exchange, found, self.declared)
        self.met.update(names)
        general = {difference.name for difference in self.declared if difference.general}
        self.identical += not unexplained and names <= general
        if unexplained:
            line = curl(self.port, exchange.request, self.folder / f"{self.title}-{self.compared}.body")
            self.problems.append("\n".join([f"{self.compared}. {line}", *map(_told, unexplained)]))

    def __str__(self) -> str:
        seconds = time.monotonic() - self.started
        figures = [
            f"{self.compared} compared",
            f"{self.identical} identical but for general headers",
            f"{len(self.problems)} with undeclared differences",
            f"seed {self.seed}",
            f"{seconds:.0f} s",
        ]
        lines = [f"{self.title}: {', '.join(figures)}"]
        lines += [f"  {count:4} declared: {name}" for name, count in self.met.most_common()]
        return "\n".join([*lines, "", *self.problems])


def _told(mismatch: Mismatch) -> str:
    if mismatch.aspect == "body" and isinstance(mismatch.theirs, bytes) and isinstance(mismatch.ours, bytes):
        return "\n".join(["   body, - TorchServe, + Marina:", *_body_diff(mismatch.theirs, mismatch.ours)])
    return f"   {mismatch.aspect}: TorchServe {_short(mismatch.theirs)}, Marina {_short(mismatch.ours)}"


def _body_diff(theirs: bytes, ours: bytes) -> Iterable[str]:
    old, new = (_readable(body).splitlines() for body in (theirs, ours))
    lines = list(difflib.unified_diff(old, new, "", "", "", "", CONTEXT))[2:]
    return [f"      {_short(line)}" for line in lines[:40]]


def _readable(body: bytes) -> str:
    text = body.decode("utf-8", "backslashreplace")
    try:
        return json.dumps(json.loads(text), indent=1)
    except ValueError:
        return text


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"
