"""What the graphs are about: which figures share one, and how its values are written. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from engine.snapshots import VersionState
from gui import words
from gui.graphs.scale import Scale, of_bytes, of_counts, of_numbers
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from gui.graphs.history import Series

# Below this a rate has a decimal.
SMALL_RATE = 10


class Line(NamedTuple):
    """One of the history's figures; `colour` is a state's, None the accent."""

    figure: str
    title: str
    colour: VersionState | None = None


@dataclass(frozen=True)
class Subject:
    """One graph. `none` says what is to say when nothing is known of any line, `note` how its values are taken."""

    title: str
    lines: tuple[Line, ...]
    scale: Callable[[float], Scale]
    text: Callable[[float], str]
    none: str
    note: str

    def drawn(self, series: Series) -> list[Line]:
        """The lines that have something to show; all but the first need a value beyond zero for that."""
        first, *others = self.lines
        has_first = any(not math.isnan(value) for value in series.figures[first.figure])
        return [first] * has_first + [line for line in others if any(map(_tells, series.figures[line.figure]))]

    def scale_for(self, series: Series) -> Scale:
        """The scale that everything fits under."""
        values = (value for line in self.lines for value in series.figures[line.figure])
        return self.scale(max((value for value in values if not math.isnan(value)), default=0))


def subjects() -> tuple[Subject, ...]:
    """Return the four graphs, in the order of their places."""
    return (
        Subject(
            tr("Requests/s"),
            (Line("answered", tr("answered")), Line("failed", tr("failed"), VersionState.FAILED)),
            of_numbers,
            _rate,
            tr("No requests yet"),
            tr("Requests answered and failed in a second, the mean of five seconds"),
        ),
        Subject(
            tr("Latency, ms"),
            (
                Line("p50", "p50"),
                Line("p95", "p95", VersionState.LOADING),
                Line("p99", "p99", VersionState.FAILED),
            ),
            of_numbers,
            _milliseconds,
            tr("No requests in the last five minutes"),
            tr("Half, 95 % and 99 % of a second's requests took no longer than this, the mean of five seconds"),
        ),
        Subject(
            tr("Queue"),
            (Line("pending", tr("pending"), VersionState.LOADING), Line("in_flight", tr("in flight"))),
            of_counts,
            _mean,
            tr("No queue yet"),
            tr("Jobs that wait and that workers have, the mean of five seconds"),
        ),
        Subject(
            tr("Memory"),
            (Line("memory", tr("workers")), Line("gpu_memory", tr("GPU"), VersionState.LOADING)),
            of_bytes,
            _size,
            tr("No workers"),
            tr("What the processes of all workers hold"),
        ),
    )


def _tells(value: float) -> bool:
    return value > 0


def _rate(value: float) -> str:
    if math.isnan(value):
        return words.DASH
    return f"{value:.1f}" if 0 < value < SMALL_RATE else words.number(round(value))


def _milliseconds(value: float) -> str:
    return words.DASH if math.isnan(value) else words.milliseconds(value / words.KILO)


def _mean(value: float) -> str:
    if not math.isnan(value) and float(value).is_integer():
        return words.number(round(value))
    return _rate(value)


def _size(value: float) -> str:
    return words.DASH if math.isnan(value) else words.size(round(value))
