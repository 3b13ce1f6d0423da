"""GPUs that are not there."""

from __future__ import annotations

from dataclasses import replace

from engine.devices.inventory import Gpu

GIBIBYTE = 1024**3


def a_gpu(gpu_id: int, free: int = 80 * GIBIBYTE, total: int = 80 * GIBIBYTE) -> Gpu:
    """Return a GPU with so many bytes free."""
    return Gpu(gpu_id, f"GPU {gpu_id}", memory_total=total, memory_used=total - free, memory_free=free)


class FakeInventory:
    """GPUs as the test says; `reads` counts how often somebody asked."""

    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = gpus
        self.reads = 0

    def read(self) -> tuple[Gpu, ...]:
        self.reads += 1
        return self.gpus

    def holds(self, gpu_id: int, processes: dict[int, int]) -> None:
        """Let these processes, by pid, hold so many bytes of a GPU that is otherwise empty."""
        gpu, used = self.gpus[gpu_id], sum(processes.values())
        changed = replace(gpu, memory_used=used, memory_free=gpu.memory_total - used, processes=processes)
        self.gpus = (*self.gpus[:gpu_id], changed, *self.gpus[gpu_id + 1 :])
