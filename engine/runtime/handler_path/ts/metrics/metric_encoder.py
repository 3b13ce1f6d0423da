"""Metrics as JSON."""

from __future__ import annotations

import json
from typing import Any

from .dimension import Dimension
from .metric import Metric


class MetricEncoder(json.JSONEncoder):
    """Knows how to write `Metric` and `Dimension`: `json.dumps(metrics, cls=MetricEncoder)`."""

    def default(self, o: Any) -> Any:
        """Return a metric or a dimension as plain values."""
        return o.to_dict() if isinstance(o, (Metric, Dimension)) else super().default(o)
