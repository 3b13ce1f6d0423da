"""What was measured, and what it is held against. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Measure(NamedTuple):
    """A figure that every server has: "no-op, 16 clients" in "requests/s"."""

    work: str
    unit: str


class Goal(NamedTuple):
    """`ours` divided by `theirs` is to be at least, or at most, `limit`; without `theirs` it is `ours` itself."""

    measure: Measure
    ours: str
    theirs: str | None
    limit: float
    at_least: bool


class Verdict(NamedTuple):
    """How a goal was met: the value over all rounds, and the least and the largest of a single round."""

    goal: Goal
    value: float
    least: float
    largest: float

    @property
    def is_met(self) -> bool:
        return self.value >= self.goal.limit if self.goal.at_least else self.value <= self.goal.limit


@dataclass
class Figures:
    """One value per round for each measure and server; `notes` says what could not be measured."""

    values: dict[Measure, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def note(self, work: str, unit: str, server: str, value: float) -> None:
        self.values.setdefault(Measure(work, unit), {}).setdefault(server, []).append(value)

    def verdicts(self, goals: Iterable[Goal]) -> list[Verdict]:
        """Return how those goals were met for which there are figures."""
        return [verdict for goal in goals if (verdict := self._verdict(goal)) is not None]

    def _verdict(self, goal: Goal) -> Verdict | None:
        found = self.values.get(goal.measure, {})
        ours = found.get(goal.ours)
        theirs = found.get(goal.theirs) if goal.theirs else [1.0] * len(ours or ())
        if not ours or not theirs:
            return None
        singles = [one / other for one, other in zip(ours, theirs, strict=False)]
        value = statistics.median(ours) / statistics.median(theirs)
        return Verdict(goal, value, min(singles), max(singles))
