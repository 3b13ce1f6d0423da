"""One value with its dimensions. Deprecated: use the cache at `context.metrics`."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

from .unit import Units

if TYPE_CHECKING:
    from .dimension import Dimension


class Metric:
    """A counter that a handler keeps for itself; nothing emits it."""

    def __init__(
        self,
        name: str,
        value: float,
        unit: str,
        dimensions: list[Dimension],
        request_id: str | None = None,
        metric_method: str | None = None,
    ) -> None:
        self.name = name
        self.value = value
        self.unit = Units.units.get(unit, unit)
        self.dimensions = dimensions
        self.request_id = request_id
        self.metric_method = metric_method

    def __str__(self) -> str:
        """Return TorchServe's line: NAME.UNIT:VALUE|#DIMENSION:VALUE,...|#hostname:HOST,SECONDS[,REQUEST ID]."""
        dimensions = ",".join(map(str, self.dimensions))
        request = f",{self.request_id}" if self.request_id else ""
        moment = f"#hostname:{socket.gethostname()},{int(time.time())}{request}"
        return f"{self.name}.{self.unit}:{self.value}|#{dimensions}|{moment}"

    def update(self, value: float) -> None:
        """Add `value` for a metric of method "counter", else take it over."""
        self.value = self.value + value if self.metric_method == "counter" else value

    def reset(self) -> None:
        """Start again from 0."""
        self.value = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the metric as plain values; the time is seconds since the epoch."""
        return {
            "MetricName": self.name,
            "Value": self.value,
            "Unit": self.unit,
            "Dimensions": [dimension.to_dict() for dimension in self.dimensions],
            "Timestamp": int(time.time()),
            "RequestId": self.request_id,
        }
