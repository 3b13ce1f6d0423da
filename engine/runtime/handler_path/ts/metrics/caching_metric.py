"""A metric that a handler declares once and emits values of."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from .emission import emit
from .metric_abstract import MetricAbstract
from .metric_type_enum import MetricTypes
from .unit import Units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .dimension import Dimension

logger = logging.getLogger(__name__)

# Characters of a name or a label; the server refuses shorter ones already.
MAX_TEXT = 2000


class CachingMetric(MetricAbstract):
    """Emits each value right away; a value that cannot be emitted is logged and dropped, never raised."""

    def __init__(
        self,
        metric_name: str,
        unit: str,
        dimension_names: list[str],
        metric_type: MetricTypes = MetricTypes.COUNTER,
    ) -> None:
        super().__init__(metric_name, Units.units.get(unit, unit), list(dimension_names), metric_type)

    def add_or_update(self, value: float, dimension_values: Sequence[object] = (), request_id: str = "") -> None:
        """Emit `value`; `request_id` may hold several ids, separated by commas."""
        try:
            number = self._number(value)
            self._check_dimensions(dimension_values)
        except (TypeError, ValueError, OverflowError) as error:
            logger.error("Metric %s is not updated: %s", self.metric_name, error)
            return
        emit(
            {
                "name": _text(self.metric_name),
                "value": number,
                "unit": _text(self.unit),
                "type": self.metric_type.value,
                "dimensions": [
                    [_text(name), _text(value)] for name, value in zip(self.dimension_names, dimension_values)
                ],
                "request_ids": request_id.split(",") if request_id else [],
            }
        )

    def update(self, value: float, request_id: str = "", dimensions: Sequence[Dimension] = ()) -> None:
        """Emit `value` under `dimensions`, which replace the declared ones. Deprecated: use `add_or_update`."""
        self.dimension_names = [dimension.name for dimension in dimensions]
        self.add_or_update(value, [dimension.value for dimension in dimensions], request_id)

    def _number(self, value: float) -> float:
        number = value if type(value) is int else float(value)
        if not math.isfinite(number):
            raise ValueError(f"{number} is no finite number")
        if self.metric_type is MetricTypes.COUNTER and number < 0:
            raise ValueError(f"a counter cannot go down, {number} is negative")
        return number

    def _check_dimensions(self, dimension_values: Sequence[object]) -> None:
        if len(dimension_values) != len(self.dimension_names):
            raise ValueError(f"{len(dimension_values)} values for the dimensions {self.dimension_names}")


def _text(value: object) -> str:
    """Return a handler's name or label as a text that a frame can hold."""
    if type(value) is str and len(value) <= MAX_TEXT and value.isascii():
        return value
    return str(value)[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")
