"""The figures as two tables, put between the markers of docs/performance.md. Pure but for `put`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.benchmarks.figures import Figures, Goal, Measure, Ratio, Side
from tests.benchmarks.goals import GOALS
from tests.support.peer_environments import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured by `make bench` -->", "<!-- end of the measurements -->"
HUNDRED, TEN = 100, 10


def tables(figures: Figures, about: Sequence[str]) -> str:
    """Return everything that stands between the markers; `about` are lines on machine, versions and rounds."""
    return "\n".join([*about, "", *_goals(figures), "", *_measures(figures), "", *(f"- {n}" for n in figures.notes)])


def put(text: str) -> None:
    """Write `text` between the markers of the document."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text.strip()}\n{END}{after}", encoding="utf-8")


def _goals(figures: Figures) -> list[str]:
    head = ["| work | compared | goal | measured | single rounds | |", "| --- | --- | --- | --- | --- | --- |"]
    return head + [_goal(goal, figures.ratio(goal)) for goal in GOALS]


def _goal(goal: Goal, ratio: Ratio | None) -> str:
    compared = f"{goal.ours.server} ÷ {_other(goal.ours, goal.theirs)}" if goal.theirs else goal.ours.server
    wanted = f"{'≥' if goal.at_least else '≤'} {goal.limit:g}"
    work = f"{goal.ours.measure.work}: {goal.ours.measure.unit}"
    return f"| {work} | {compared} | {wanted} | {_outcome(goal, ratio)} |"


def _other(ours: Side, theirs: Side) -> str:
    return theirs.server if theirs.measure == ours.measure else theirs.measure.work


def _outcome(goal: Goal, ratio: Ratio | None) -> str:
    if ratio is None:
        return " | | not measured"
    met = "met" if goal.is_met(ratio.value) else "**missed**"
    return f"{_shown(ratio.value)} | {_shown(ratio.least)} to {_shown(ratio.largest)} | {met}"


def _measures(figures: Figures) -> list[str]:
    servers = list(dict.fromkeys(name for found in figures.values.values() for name in found))
    head = [f"| | {' | '.join(servers)} |", f"| --- |{' --- |' * len(servers)}"]
    return head + [_measure(measure, found, servers) for measure, found in figures.values.items()]


def _measure(measure: Measure, found: dict[str, list[float]], servers: list[str]) -> str:
    cells = (_cell(found[name]) if name in found else "" for name in servers)
    return f"| {measure.work}: {measure.unit} | {' | '.join(cells)} |"


def _cell(values: list[float]) -> str:
    middle = _shown(statistics.median(values))
    return f"{middle} ({_shown(min(values))} to {_shown(max(values))})" if len(values) > 1 else middle


def _shown(value: float) -> str:
    if value >= HUNDRED:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= TEN else f"{value:.2f}" if value >= 1 else f"{value:.3f}"
