"""Measures a function. Deprecated: use `ts.handler_utils.timer.timed`."""

from __future__ import annotations

import functools
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")

logger = logging.getLogger(__name__)


def timeit(func: Function) -> Function:
    """Log the seconds that each call takes, and those of them on a processor."""

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        started, started_cpu = time.perf_counter(), time.process_time()
        result = func(*args, **kwargs)
        seconds, on_cpu = time.perf_counter() - started, time.process_time() - started_cpu
        logger.info("%s took %.4f s, %.4f s of processor time", func.__name__, seconds, on_cpu)
        return result

    return call  # type: ignore[return-value]  # wraps keeps the signature
