"""What the machine says about itself, under TorchServe's names. Blocking: runs in a thread, always the same one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil

from engine.devices.inventory import Gpu

MEGABYTE = 1024**2
GIGABYTE = 1024**3
# The first CPU reading looks at this many seconds; each later one at the time since the one before.
FIRST_LOOK = 0.1


class System:
    """Reads processor, memory and root file system."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._look: float | None = FIRST_LOOK

    def read(self) -> dict[str, float]:
        """Return percentages, megabytes and gigabytes (both binary) by the names of their families."""
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(Path.cwd().anchor)
        look, self._look = self._look, None
        return {
            "CPUUtilization": psutil.cpu_percent(look),
            "MemoryUsed": memory.used / MEGABYTE,
            "MemoryAvailable": memory.available / MEGABYTE,
            "MemoryUtilization": memory.percent,
            "DiskUsage": disk.used / GIGABYTE,
            "DiskAvailable": disk.free / GIGABYTE,
            "DiskUtilization": disk.percent,
        }


def gpu_readings(gpus: Iterable[Gpu]) -> dict[str, dict[str, float]]:
    """Return percentages and binary megabytes of each GPU, by the names of their families and then by its id. Pure."""
    by_id = {str(gpu.id): gpu for gpu in gpus}
    return {
        "GPUUtilization": {gpu_id: gpu.utilization for gpu_id, gpu in by_id.items()},
        "GPUMemoryUtilization": {
            gpu_id: 100 * gpu.memory_used / gpu.memory_total for gpu_id, gpu in by_id.items() if gpu.memory_total
        },
        "GPUMemoryUsed": {gpu_id: gpu.memory_used / MEGABYTE for gpu_id, gpu in by_id.items()},
    }
