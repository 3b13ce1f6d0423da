"""The figures as two tables, put between the markers of docs/performance.md. Pure but for `put`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.benchmarks.figures import Figures, Measure, Verdict
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
    head = ["| work | compared | goal | median | rounds | |", "| --- | --- | --- | --- | --- | --- |"]
    return head + [_verdict(verdict) for verdict in figures.verdicts(GOALS)]


def _verdict(verdict: Verdict) -> str:
    goal = verdict.goal
    compared = f"{goal.ours} ÷ {goal.theirs}" if goal.theirs else goal.ours
    wanted = f"{'≥' if goal.at_least else '≤'} {goal.limit:g}"
    spread = f"{_shown(verdict.least)} to {_shown(verdict.largest)}"
    met = "met" if verdict.is_met else "**missed**"
    work = f"{goal.measure.work}: {goal.measure.unit}"
    return f"| {work} | {compared} | {wanted} | {_shown(verdict.value)} | {spread} | {met} |"


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
