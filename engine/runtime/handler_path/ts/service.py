"""An entry point together with its context, as older handlers and their tests know it, and names imported from here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .context import Context, RequestProcessor
from .metrics.emission import emit
from .metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from .metrics.metric_type_enum import MetricTypes
from .protocol.otf_message_handler import create_predict_response
from .utils.util import PredictionException, get_yaml_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .metrics.metric import Metric

__all__ = [
    "PREDICTION_METRIC",
    "Context",
    "PredictionException",
    "RequestProcessor",
    "Service",
    "create_predict_response",
    "emit_metrics",
    "get_yaml_config",
]

PREDICTION_METRIC = "PredictionTime"


class Service:
    """Calls `entry_point(rows, context)` for batches in TorchServe's form; what it raises passes through."""

    def __init__(
        self,
        model_name: str,
        model_dir: str,
        manifest: dict[str, Any] | None,
        entry_point: Callable[[Any, Context], Any],
        gpu: int | None,
        batch_size: int,
        limit_max_image_pixels: bool = True,
        metrics_cache: Any = None,
    ) -> None:
        config_file = ((manifest or {}).get("model") or {}).get("configFile")
        config = get_yaml_config(str(Path(model_dir, config_file))) if config_file else {}
        metrics = metrics_cache or MetricsCacheYamlImpl()
        metrics.model_name = model_name
        self._context = Context(
            model_name, model_dir, manifest, batch_size, gpu, __version__, limit_max_image_pixels, metrics, config
        )
        self.entry_point = entry_point

    @property
    def context(self) -> Context:
        """What the entry point is called with."""
        return self._context

    def set_cl_socket(self, cl_socket: Any) -> None:
        """Say what intermediate results go out through."""
        self._context.cl_socket = cl_socket

    def predict(self, batch: list[dict[str, Any]]) -> bytearray:
        """Return the answers to `batch`, a list of {"requestId", "headers", "parameters"}, as TorchServe's message."""
        rows = enter_batch(self._context, batch)
        return answers_of(self._context, self.entry_point(rows, self._context))

    @staticmethod
    def retrieve_data_for_inference(
        batch: list[dict[str, Any]] | None,
    ) -> tuple[list[RequestProcessor], list[dict[str, Any]], dict[int, str]]:
        """Return headers, inputs and ids of the requests in a batch; raises ValueError without one."""
        if batch is None:
            raise ValueError("There is no batch")
        headers = [RequestProcessor(_headers_of(request)) for request in batch]
        rows = [{item["name"]: item["value"] for item in request["parameters"]} for request in batch]
        return headers, rows, {index: request["requestId"].decode() for index, request in enumerate(batch)}


def enter_batch(context: Context, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make `context` that of the batch, and return its inputs."""
    context.request_processor, rows, context.request_ids = Service.retrieve_data_for_inference(batch)
    context.metrics.set_request_ids(context.request_ids)
    return rows


def answers_of(context: Context, results: list[Any]) -> bytearray:
    """Return what a handler returned for the context's batch as TorchServe's message."""
    return create_predict_response(results, context.request_ids or {}, "Prediction success", 200, context)


def emit_metrics(metrics: Iterable[Metric] | dict[str, Metric]) -> None:
    """Emit the metrics of a `MetricsStore`, as counters (TorchServe)."""
    for metric in metrics.values() if isinstance(metrics, dict) else metrics:
        emit(
            {
                "name": metric.name,
                "value": metric.value,
                "unit": metric.unit,
                "type": MetricTypes.COUNTER.value,
                "dimensions": [[dimension.name, dimension.value] for dimension in metric.dimensions],
                "request_ids": metric.request_id.split(",") if metric.request_id else [],
            }
        )


def _headers_of(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request's headers with one entry per input, as handlers read them."""
    inputs = {item["name"]: {"content-type": item["contentType"]} for item in request["parameters"]}
    return {**inputs, **{item["name"].decode(): item["value"].decode() for item in request.get("headers") or ()}}
