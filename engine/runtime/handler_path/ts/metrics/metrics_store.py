"""Metrics that are kept in a list. Deprecated: `context.metrics` emits each one at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dimension import Dimension
from .metric import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

TIME_UNITS = ("ms", "s")
SIZE_UNITS = ("B", "kB", "MB", "GB")


class MetricsStore:
    """Collects metrics in `store`; `idx` names the request of the batch that a value belongs to, None means all."""

    def __init__(self, request_ids: dict[int, str] | str | None, model_name: str) -> None:
        self.store: list[Metric] = []
        self.cache: dict[str, Metric] = {}
        self.request_ids = request_ids
        self.model_name = model_name

    def add_counter(
        self, name: str, value: float, idx: int | None = None, dimensions: Sequence[Dimension] | None = None
    ) -> None:
        """Count `value` things more."""
        self._add(name, value, self._request_id(idx), "count", dimensions, "counter")

    def add_time(
        self,
        name: str,
        value: float,
        idx: int | None = None,
        unit: str = "ms",
        dimensions: Sequence[Dimension] | None = None,
    ) -> None:
        """Keep a time in "ms" or "s"; raises ValueError for another unit."""
        _require(name, unit, TIME_UNITS)
        self._add(name, value, self._request_id(idx), unit, dimensions)

    def add_size(
        self,
        name: str,
        value: float,
        idx: int | None = None,
        unit: str = "MB",
        dimensions: Sequence[Dimension] | None = None,
    ) -> None:
        """Keep a size in "B", "kB", "MB" or "GB"; raises ValueError for another unit."""
        _require(name, unit, SIZE_UNITS)
        self._add(name, value, self._request_id(idx), unit, dimensions)

    def add_percent(
        self, name: str, value: float, idx: int | None = None, dimensions: Sequence[Dimension] | None = None
    ) -> None:
        """Keep a percentage."""
        self._add(name, value, self._request_id(idx), "percent", dimensions)

    def add_error(self, name: str, value: float, dimensions: Sequence[Dimension] | None = None) -> None:
        """Keep an error, which belongs to no request."""
        self._add(name, value, None, "", dimensions)

    def add_metric(
        self,
        name: str,
        value: float,
        idx: int | None = None,
        unit: str | None = None,
        dimensions: Sequence[Dimension] | None = None,
    ) -> None:
        """Keep a value in any unit."""
        self._add(name, value, self._request_id(idx), unit or "", dimensions)

    def _add(
        self,
        name: str,
        value: float,
        request_id: str | None,
        unit: str,
        dimensions: Sequence[Dimension] | None,
        method: str | None = None,
    ) -> None:
        """Keep a value, in place of or added to the one with the same name, unit, request and dimensions."""
        error = [Dimension("Level", "Error")]
        own = error if request_id is None else [Dimension("ModelName", self.model_name), Dimension("Level", "Model")]
        complete = [*(dimensions or ()), *own]
        key = "-".join([name, unit, str(request_id), *map(str, complete)])
        if key in self.cache:
            self.cache[key].update(value)
            return
        self.cache[key] = Metric(name, value, unit, complete, request_id, method)
        self.store.append(self.cache[key])

    def _request_id(self, idx: int | None) -> str | None:
        ids = self.request_ids
        if not isinstance(ids, dict):
            return ids
        return ids[idx] if idx in ids else ",".join(ids.values())


def _require(name: str, unit: str, units: tuple[str, ...]) -> None:
    if unit not in units:
        raise ValueError(f"The unit of {name} must be one of {', '.join(units)}, not {unit!r}")
