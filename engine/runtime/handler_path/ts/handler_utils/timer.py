"""Measures the steps of a handler when its model-config.yaml asks for it."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

Method = TypeVar("Method", bound="Callable[..., Any]")


def timed(func: Method) -> Method:
    """Emit `ts_handler_<method>` in milliseconds per call, if `handler: {profile: true}` is configured.

    Times on a GPU are taken with CUDA events, so that they cover the work and not only its launch.
    """

    @functools.wraps(func)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_profiled(self.context):
            return func(self, *args, **kwargs)
        on_gpu = torch.cuda.is_available() and getattr(self.device, "type", "") == "cuda"
        result, milliseconds = (_time_on_gpu if on_gpu else _time_on_cpu)(func, self, *args, **kwargs)
        self.context.metrics.add_time(f"ts_handler_{func.__name__}", milliseconds)
        return result

    return call  # type: ignore[return-value]  # wraps keeps the signature


def _is_profiled(context: Any) -> bool:
    config = getattr(context, "model_yaml_config", None)
    section = config.get("handler") if isinstance(config, dict) else None
    return isinstance(section, dict) and bool(section.get("profile"))


def _time_on_cpu(func: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    result = func(*args, **kwargs)
    return result, (time.perf_counter() - started) * 1000


def _time_on_gpu(func: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, float]:
    make_event: Any = torch.cuda.Event  # torch leaves it untyped
    start, end = make_event(enable_timing=True), make_event(enable_timing=True)
    start.record()
    result = func(*args, **kwargs)
    end.record()
    torch.cuda.synchronize()
    return result, float(start.elapsed_time(end))
