"""What the machine says about itself, under TorchServe's names. Blocking: runs in a thread, always the same one."""

from __future__ import annotations

from pathlib import Path

import psutil

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
