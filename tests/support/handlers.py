"""Contexts for handlers that run in the test process; `ts` must be on the module path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ts.context import Context, RequestProcessor
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

# Stand-ins for packages that only some handlers need, with the arithmetic that those need of them.
FAKES = Path(__file__).parent.parent / "runtime" / "fakes"


def make_context(folder: Path, model: Any, config: Any = None, gpu_id: int | None = None, **changes: Any) -> Context:
    """Return the context of an archive in `folder`; `model` is that section of its manifest, None for no manifest."""
    metrics = MetricsCacheYamlImpl()
    metrics.model_name = "net"
    manifest = None if model is None else {"model": {"modelName": "net", **model}}
    return Context("net", str(folder), manifest, 1, gpu_id, "0.1", metrics=metrics, model_yaml_config=config, **changes)


def with_headers(context: Context, **headers: str) -> Context:
    """Let the context's batch be one request with these headers."""
    context.request_processor = [RequestProcessor(headers)]
    return context
