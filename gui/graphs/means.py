"""A history as it is drawn: calm lines, over as many minutes as there is something to draw. Pure.

What comes by the job jumps from second to second, between nothing and one when jobs are few; its mean over some seconds
tells how much there is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gui.graphs.history import SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gui.graphs.history import Series

MEAN_TICKS = 5
MINUTE = 60
BY_THE_JOB = ("answered", "failed", "p50", "p95", "p99", "pending", "in_flight")


def calmed(series: Series) -> Series:
    """The series with a moving mean of what comes by the job: each value is the mean of the last `MEAN_TICKS`."""
    means = {figure: mean_of_last(series.figures[figure]) for figure in BY_THE_JOB}
    return series._replace(figures=series.figures | means)


def mean_of_last(values: Sequence[float], count: int = MEAN_TICKS) -> list[float]:
    """The mean of each value and those right before it, `count` in all; one that is NaN stays, and parts the others."""
    means: list[float] = []
    window: list[float] = []
    for value in values:
        window = [*window[1 - count :], value] if math.isfinite(value) else []
        means.append(sum(window) / len(window) if window else math.nan)
    return means


def span_of(series: Series) -> int:
    """The whole minutes, in seconds, that hold all that is known: one at least, five at most."""
    samples = zip(series.ages, series.figures["pending"], strict=True)
    oldest = next((age for age, jobs in samples if math.isfinite(age + jobs)), 0.0)
    return min(max(math.ceil(-oldest / MINUTE), 1) * MINUTE, SECONDS)
