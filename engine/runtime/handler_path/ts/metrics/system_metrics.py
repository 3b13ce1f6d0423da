"""Measures the machine, for a program named in `system_metrics_cmd`; Marina itself measures without it.

Each function adds a metric to the list `system_metrics`. psutil is needed when one is called.
"""

from __future__ import annotations

import logging
from typing import Any

from ..utils.packages import import_if_installed, require
from .dimension import Dimension
from .metric import Metric

MEGABYTE, GIGABYTE = 1024**2, 1024**3

system_metrics: list[Metric] = []
dimension = [Dimension("Level", "Host")]

logger = logging.getLogger(__name__)


def cpu_utilization() -> None:
    """Measure how busy the processors were since the last call, the first time 0."""
    _add("CPUUtilization", _psutil().cpu_percent(), "percent")


def memory_used() -> None:
    """Measure the memory in use."""
    _add("MemoryUsed", _psutil().virtual_memory().used / MEGABYTE, "MB")


def memory_available() -> None:
    """Measure the memory that programs could have."""
    _add("MemoryAvailable", _psutil().virtual_memory().available / MEGABYTE, "MB")


def memory_utilization() -> None:
    """Measure the share of the memory in use."""
    _add("MemoryUtilization", _psutil().virtual_memory().percent, "percent")


def disk_used() -> None:
    """Measure the root file system's space in use."""
    _add("DiskUsage", _psutil().disk_usage("/").used / GIGABYTE, "GB")


def disk_utilization() -> None:
    """Measure the share of the root file system in use."""
    _add("DiskUtilization", _psutil().disk_usage("/").percent, "percent")


def disk_available() -> None:
    """Measure the root file system's free space."""
    _add("DiskAvailable", _psutil().disk_usage("/").free / GIGABYTE, "GB")


def gpu_utilization(num_of_gpu: int) -> None:
    """Measure the memory of each CUDA device, by torch; nothing without devices."""
    torch = import_if_installed("torch") if num_of_gpu > 0 else None
    if torch is None or not torch.cuda.is_available():
        return
    for index in range(min(num_of_gpu, torch.cuda.device_count())):
        free, total = torch.cuda.mem_get_info(index)
        dimensions = [*dimension, Dimension("DeviceId", index)]
        _add("GPUMemoryUtilization", 100 * (total - free) / total, "percent", dimensions)
        _add("GPUMemoryUsed", (total - free) / MEGABYTE, "MB", dimensions)


def collect_all(mod: Any, num_of_gpu: int) -> None:  # noqa: ARG001 - TorchServe passes this module
    """Measure everything and log it, a metric a line and an empty line at the end."""
    for measure in MEASURES:
        measure()
    gpu_utilization(num_of_gpu)
    for metric in system_metrics:
        logger.info(str(metric))
    logger.info("")


MEASURES = (
    cpu_utilization,
    memory_used,
    memory_available,
    memory_utilization,
    disk_used,
    disk_utilization,
    disk_available,
)


def _add(name: str, value: float, unit: str, dimensions: list[Dimension] | None = None) -> None:
    system_metrics.append(Metric(name, value, unit, dimensions or dimension))


def _psutil() -> Any:
    return require("psutil", None, __name__)
