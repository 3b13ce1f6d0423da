"""What every metric object has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .dimension import Dimension
    from .metric_type_enum import MetricTypes


class MetricAbstract(ABC):
    """A named series of values with fixed dimension names."""

    def __init__(self, metric_name: str, unit: str, dimension_names: list[str], metric_type: MetricTypes) -> None:
        self.metric_name = metric_name
        self.unit = unit
        self.dimension_names = dimension_names
        self.metric_type = metric_type

    @abstractmethod
    def add_or_update(self, value: float, dimension_values: Sequence[object] = (), request_id: str = "") -> None:
        """Emit a value; `dimension_values` are in the order of `dimension_names`."""

    @abstractmethod
    def update(self, value: float, request_id: str = "", dimensions: Sequence[Dimension] = ()) -> None:
        """Emit a value under other dimensions. Deprecated: use `add_or_update`."""
