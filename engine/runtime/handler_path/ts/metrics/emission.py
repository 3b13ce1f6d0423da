"""Where emitted metrics go. The worker sets its sink once, before the handler is imported; until then they are dropped.

Module state, because handlers build metric objects of their own, and a worker process has one engine to tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_sinks: list[Callable[[dict[str, Any]], None]] = []


def set_sink(sink: Callable[[dict[str, Any]], None]) -> None:
    """Send every metric to `sink` from now on, and nowhere else."""
    _sinks[:] = [sink]


def emit(metric: dict[str, Any]) -> None:
    """Pass on {"name", "value", "unit", "type", "dimensions": [[name, value]], "request_ids": [...]}."""
    for sink in _sinks:
        sink(metric)
