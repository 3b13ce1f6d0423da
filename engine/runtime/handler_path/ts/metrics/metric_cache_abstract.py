"""The calls that handlers emit metrics with, as `context.metrics`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from .caching_metric import CachingMetric
from .dimension import Dimension
from .metric_cache_errors import MetricsCacheKeyError, MetricsCacheTypeError, MetricsCacheValueError
from .metric_type_enum import MetricTypes

if TYPE_CHECKING:
    from collections.abc import Sequence

TIME_UNITS = ("ms", "s")
SIZE_UNITS = ("B", "kB", "MB", "GB")


class MetricsCacheAbstract(ABC):
    """Metrics by type and name, made when first emitted. Values go out at once; the cache only keeps declarations.

    `idx` names the request of the batch that a value belongs to, None means all of them.
    """

    def __init__(self, config_file_path: str = "") -> None:
        self.cache: dict[MetricTypes, dict[str, CachingMetric]] = {}
        self.store: list[Any] = []
        self.request_ids: dict[int, str] | None = None
        self.model_name: str | None = None
        self.config_file_path = config_file_path

    @abstractmethod
    def initialize_cache(self) -> None:
        """Declare the metrics that are known beforehand."""

    def set_request_ids(self, request_ids: dict[int, str]) -> None:
        """Say which requests the next values belong to."""
        self.request_ids = request_ids

    def cache_keys(self) -> list[str]:
        """Return "type:name" of each declared metric."""
        return [f"{kind.value}:{name}" for kind, metrics in self.cache.items() for name in metrics]

    def get_metric(self, metric_name: str, metric_type: MetricTypes = MetricTypes.COUNTER) -> CachingMetric:
        """Return a declared metric; raises MetricsCacheKeyError when there is none."""
        try:
            return self.cache[metric_type][metric_name]
        except KeyError:
            raise MetricsCacheKeyError(f"There is no {metric_type} named {metric_name}") from None

    def add_metric_to_cache(
        self,
        metric_name: str,
        unit: str,
        dimension_names: Sequence[str] = (),
        metric_type: MetricTypes = MetricTypes.COUNTER,
    ) -> CachingMetric:
        """Declare a metric, in place of one with its type and name; raises MetricsCacheTypeError for wrong types."""
        if not isinstance(metric_name, str) or not isinstance(unit, str):
            raise MetricsCacheTypeError(f"metric_name {metric_name!r} and unit {unit!r} must be str")
        if not isinstance(metric_type, MetricTypes):
            raise MetricsCacheTypeError(f"metric_type {metric_type!r} must be one of MetricTypes")
        if not isinstance(dimension_names, (list, tuple)):
            raise MetricsCacheTypeError(f"dimension_names {dimension_names!r} must be a list")
        metric = CachingMetric(metric_name, unit, list(dimension_names), metric_type)
        self.cache.setdefault(metric_type, {})[metric_name] = metric
        return metric

    def add_counter(
        self, name: str, value: float, idx: int | None = None, dimensions: Sequence[Dimension] = ()
    ) -> None:
        """Count `value` things more."""
        self.add_metric(name, value, "count", idx, dimensions, MetricTypes.COUNTER)

    def add_time(
        self,
        name: str,
        value: float,
        idx: int | None = None,
        unit: str = "ms",
        dimensions: Sequence[Dimension] = (),
        metric_type: MetricTypes = MetricTypes.GAUGE,
    ) -> None:
        """Emit a time in "ms" or "s"; raises MetricsCacheValueError for another unit."""
        self._check_unit(name, unit, TIME_UNITS)
        self.add_metric(name, value, unit, idx, dimensions, metric_type)

    def add_size(
        self,
        name: str,
        value: float,
        idx: int | None = None,
        unit: str = "MB",
        dimensions: Sequence[Dimension] = (),
        metric_type: MetricTypes = MetricTypes.GAUGE,
    ) -> None:
        """Emit a size in "B", "kB", "MB" or "GB"; raises MetricsCacheValueError for another unit."""
        self._check_unit(name, unit, SIZE_UNITS)
        self.add_metric(name, value, unit, idx, dimensions, metric_type)

    def add_percent(
        self,
        name: str,
        value: float,
        idx: int | None = None,
        dimensions: Sequence[Dimension] = (),
        metric_type: MetricTypes = MetricTypes.GAUGE,
    ) -> None:
        """Emit a percentage."""
        self.add_metric(name, value, "percent", idx, dimensions, metric_type)

    def add_error(self, name: str, value: float, dimensions: Sequence[Dimension] = ()) -> None:
        """Count an error; its only default dimension is Level=Error."""
        pairs = [(one.name, one.value) for one in dimensions]
        self._emit(name, value, "", None, [*pairs, ("Level", "Error")], MetricTypes.COUNTER)

    def add_metric(
        self,
        name: str,
        value: float,
        unit: str,
        idx: int | None = None,
        dimensions: Sequence[Dimension] = (),
        metric_type: MetricTypes = MetricTypes.COUNTER,
    ) -> None:
        """Emit a value in any unit; ModelName and Level=Model are added to the dimensions unless they are there."""
        pairs: list[tuple[str, object]] = [("ModelName", self.model_name), ("Level", "Model")]
        if dimensions:
            given = {one.name: one.value for one in dimensions}
            pairs = [*((one.name, one.value) for one in dimensions), *(pair for pair in pairs if pair[0] not in given)]
        self._emit(name, value, unit, idx, pairs, metric_type)

    def _emit(
        self,
        name: str,
        value: float,
        unit: str,
        idx: int | None,
        dimensions: Sequence[tuple[str, object]],
        metric_type: MetricTypes,
    ) -> None:
        """Emit a value; `dimensions` are their names and values."""
        metric = self.cache.get(metric_type, {}).get(name)
        if metric is None:
            names = [dimension for dimension, _ in dimensions]
            metric = self.add_metric_to_cache(name, unit, names, metric_type)
        metric.add_or_update(value, [dimension for _, dimension in dimensions], self._request_ids(idx))

    def _request_ids(self, idx: int | None) -> str:
        if not self.request_ids:
            return ""
        if idx is not None:
            return self.request_ids.get(idx, "")
        return ",".join(self.request_ids.values())

    @staticmethod
    def _check_unit(name: str, unit: str, allowed: tuple[str, ...]) -> None:
        if unit not in allowed:
            raise MetricsCacheValueError(f"The unit of {name} must be one of {', '.join(allowed)}, not {unit!r}")
