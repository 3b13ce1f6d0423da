"""A family with its series: one value, or one histogram, for each set of label values. On the loop; no I/O."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client import Histogram, Metric
from prometheus_client.utils import floatToGoString

from engine.metrics.declarations import Declaration, Kind

# Sets of label values that one family keeps: a handler that makes label values up must not fill the memory.
MAX_SERIES = 1000
# Characters of one label value.
MAX_LABEL = 1000
# The upper bounds of a histogram's buckets, the last one infinite.
BOUNDS = Histogram.DEFAULT_BUCKETS


class FamilyFullError(Exception):
    """A further set of label values, or a longer one, than a family keeps."""


class Buckets:
    """One series of a histogram."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        """Start without an observation."""
        self.counts = [0] * len(BOUNDS)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(BOUNDS, value)] += 1
        self.sum += value


class Family:
    """The series of one declared family that handlers fill. `owner` of a series is the model that updated it last."""

    def __init__(self, declared: Declaration) -> None:
        """Start without a series."""
        self.declared = declared
        self._values: dict[tuple[str, ...], float | Buckets] = {}
        self._owners: dict[tuple[str, ...], str] = {}

    def update(self, labels: tuple[str, ...], value: float, owner: str) -> None:
        """Take one value into account; `labels` are the values of all labels, in their order.

        Raises FamilyFullError when that would be one series too many.
        """
        before = self._values.get(labels)
        if before is None:
            self._require_room(labels)
        if self.declared.kind is Kind.HISTOGRAM:
            buckets = before if isinstance(before, Buckets) else Buckets()
            buckets.observe(value)
            self._values[labels] = buckets
        elif self.declared.kind is Kind.COUNTER and isinstance(before, int | float):
            self._values[labels] = before + value
        else:
            self._values[labels] = value
        self._owners[labels] = owner

    def retain(self, owners: Iterable[str]) -> None:
        """Forget the series of every other owner."""
        kept = set(owners)
        for labels in [labels for labels, owner in self._owners.items() if owner not in kept]:
            del self._values[labels], self._owners[labels]

    @property
    def series(self) -> int:
        """How many sets of label values there are."""
        return len(self._values)

    def metric(self) -> Metric:
        """Return the family as it is now."""
        family = empty_metric(self.declared)
        for labels, value in self._values.items():
            named = dict(zip(self.declared.labels, labels, strict=True))
            if isinstance(value, Buckets):
                _add_buckets(family, named, value)
            else:
                family.add_sample(family.name, named, value)
        return family

    def _require_room(self, labels: tuple[str, ...]) -> None:
        if len(self._values) >= MAX_SERIES:
            raise FamilyFullError(f"{self.declared.name} has {MAX_SERIES} sets of label values, the most that are kept")
        if any(len(label) > MAX_LABEL for label in labels):
            raise FamilyFullError(f"a label value of {self.declared.name} is longer than {MAX_LABEL} characters")


def empty_metric(declared: Declaration) -> Metric:
    """Return a family without samples, with TorchServe's help text."""
    about = f"Torchserve prometheus {declared.kind} metric with unit: {declared.unit}"
    return Metric(declared.name, about, declared.kind)


def _add_buckets(family: Metric, named: dict[str, str], buckets: Buckets) -> None:
    total = 0
    for bound, count in zip(BOUNDS, buckets.counts, strict=True):
        total += count
        bound_text = floatToGoString(bound)  # type: ignore[no-untyped-call]  # the library's lack
        family.add_sample(f"{family.name}_bucket", {**named, "le": bound_text}, total)
    family.add_sample(f"{family.name}_count", named, total)
    family.add_sample(f"{family.name}_sum", named, buckets.sum)
