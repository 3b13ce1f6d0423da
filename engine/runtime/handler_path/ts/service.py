"""Names that older handlers import from here."""

from __future__ import annotations

from .context import Context, RequestProcessor
from .utils.util import PredictionException, get_yaml_config

__all__ = ["PREDICTION_METRIC", "Context", "PredictionException", "RequestProcessor", "get_yaml_config"]

PREDICTION_METRIC = "PredictionTime"
