"""What was measured, and what it is held against. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import NamedTuple


class Measure(NamedTuple):
    """A figure that every server has: "no-op, 16 clients" in "requests/s"."""

    work: str
    unit: str


class Side(NamedTuple):
    """One side of a comparison: what was measured of whom."""

    measure: Measure
    server: str


class Goal(NamedTuple):
    """`ours` divided by `theirs` is to be at least, or at most, `limit`; without `theirs` it is `ours` itself."""

    ours: Side
    theirs: Side | None
    limit: float
    at_least: bool

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


class Ratio(NamedTuple):
    """What came out: the ratio of the medians over all rounds, and the least and the largest of a single round."""

    value: float
    least: float
    largest: float


@dataclass
class Figures:
    """One value per round for each measure and server; `notes` says what could not be measured."""

    values: dict[Measure, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, work: str, unit: str, server: str, value: float) -> None:
        self.values.setdefault(Measure(work, unit), {}).setdefault(server, []).append(value)

    def ratio(self, goal: Goal) -> Ratio | None:
        """Return how both sides of a goal compare, None unless both were measured."""
        ours = self._found(goal.ours)
        theirs = self._found(goal.theirs) if goal.theirs else [1.0] * len(ours)
        if not ours or not theirs:
            return None
        singles = [one / other for one, other in zip(ours, theirs, strict=False)]
        return Ratio(statistics.median(ours) / statistics.median(theirs), min(singles), max(singles))

    def _found(self, side: Side) -> list[float]:
        return self.values.get(side.measure, {}).get(side.server, [])
