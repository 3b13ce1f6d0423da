"""The GPU of a Mac with Apple silicon, which torch calls "mps". Blocking: runs in a thread."""

from __future__ import annotations

import platform
import sys

import psutil

from engine.devices.inventory import Gpu

NAME = "Apple GPU"


class AppleInventory:
    """One GPU on Apple silicon, none elsewhere. It shares the machine's memory; how busy it is, is not reported."""

    def read(self) -> tuple[Gpu, ...]:
        """Return the GPU with the machine's memory as it is now."""
        if sys.platform != "darwin" or platform.machine() != "arm64":
            return ()
        memory = psutil.virtual_memory()
        free = memory.available
        return (Gpu(0, NAME, memory_total=memory.total, memory_used=memory.total - free, memory_free=free),)
