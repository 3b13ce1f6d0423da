"""The kinds of metric."""

from __future__ import annotations

from enum import Enum


class MetricTypes(Enum):
    """How values of a metric combine: they add up, replace each other, or are counted in buckets."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
