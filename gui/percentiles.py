"""Quantiles of how long jobs took, from counts by bucket as `engine.snapshots.Work` carries them. Pure.

A quantile is exact to its bucket, and buckets are four to an octave: what is told is within 19 % of the truth. Asked
for a thousand versions each second, so the arithmetic on counts is left to C.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

from engine.snapshots import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP = BUCKETS[1] / BUCKETS[0]


class Latency(NamedTuple):
    """Half, 95 % and 99 % of the jobs took no longer than this, in seconds."""

    p50: float
    p95: float
    p99: float


def latency(before: Sequence[int], after: Sequence[int]) -> Latency | None:
    """What the jobs between two counts took, None when there were none; an empty count is one of nothing yet.

    A count that shrank started anew, so that all of `after` is news.
    """
    counts = list(map(sub, after, before)) if before else after
    totals = list(accumulate(after if before and min(counts, default=-1) < 0 else counts))
    if not totals or not totals[-1]:
        return None
    return Latency(_quantile(totals, 0.5), _quantile(totals, 0.95), _quantile(totals, 0.99))


def _quantile(totals: Sequence[int], share: float) -> float:
    """The time that this share of the jobs kept within; times beyond the last bucket count as its upper end."""
    rank = share * totals[-1]
    bucket = bisect_left(totals, rank)
    if bucket >= len(BUCKETS):
        return BUCKETS[-1]
    below = totals[bucket - 1] if bucket else 0
    part = (rank - below) / (totals[bucket] - below)
    return float(BUCKETS[bucket] * STEP ** (part - 1))
