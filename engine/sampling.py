"""The machine and the memory of workers, looked at again and again. On the loop; the looking is in a thread of its own.

A look at a process walks its pages; where that takes long, workers are looked at more rarely than the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import psutil

from engine.devices.devices import Devices
from engine.snapshots import GpuSnapshot, Key, Machine
from engine.threads import Threads
from engine.workers.memory import Memory, memory_of

if TYPE_CHECKING:
    from engine.devices.inventory import Gpu
    from engine.version import Version

SAMPLE_SECONDS = 2.0
# After a look that took a second of processor time, workers are left alone for so many.
PAUSE_FOR_SECOND = 50


class Look(NamedTuple):
    """What one look found: the machine, the memory of each process, and the seconds of processor time that it took."""

    machine: Machine
    sizes: dict[int, Memory]
    seconds: float


class Sampler:
    """Looks at the machine, the GPUs and every worker's process. `machine` is what was found last."""

    def __init__(self, versions: Mapping[Key, Version], devices: Devices, touch: Callable[[Key], None]) -> None:
        """`touch` is called for each version of which a worker's memory changed. Nothing is looked at yet."""
        self.machine = Machine(0.0, os.cpu_count() or 1, 0, 0)
        self._versions = versions
        self._devices = devices
        self._touch = touch
        self._pause = 0.0
        # Of its own, since a disk at work keeps the others; and always the same, which psutil tells processor times by.
        self._threads = Threads("marina-looks", 1)

    async def look_regularly(self) -> None:
        """Look once, for a caller that comes every SAMPLE_SECONDS; at workers only if they were left alone for long."""
        rested = self._pause <= 0
        self._pause -= SAMPLE_SECONDS
        seconds = await self.look(processes=rested)
        if rested:
            self._pause = seconds * PAUSE_FOR_SECOND - SAMPLE_SECONDS

    async def look(self, *, processes: bool = True) -> float:
        """Look once and tell the workers what they hold; returns the seconds of processor time that it took.

        Without `processes` what they hold on GPUs is all that can be news.
        """
        versions = list(self._versions.values())
        workers = [(version, worker) for version in versions for worker in version.pool.workers.values()]
        pids = {pid for _, worker in workers if (pid := worker.life.facts.pid)}
        self.machine, sizes, seconds = await self._threads.run(_look, pids if processes else set(), self._devices)
        for version, worker in workers:
            pid = worker.life.facts.pid or 0
            held = (sizes.get(pid, worker.memory), self._devices.memory_of(pid))
            key = version.spec.key
            if held != (worker.memory, worker.gpu_memory) and key in self._versions:
                worker.memory, worker.gpu_memory = held
                version.gpu_memory_peak = max(version.gpu_memory_peak, held[1] or 0)
                self._touch(key)
        return seconds

    def close(self) -> None:
        """End the thread; call it once no look is under way."""
        self._threads.close()


def _look(pids: set[int], devices: Devices) -> Look:
    started = time.thread_time()
    if pids or devices.gpus:
        devices.look()
    sizes = memory_of(pids)
    memory = psutil.virtual_memory()
    machine = Machine(
        cpu=psutil.cpu_percent(None),
        cores=os.cpu_count() or 1,
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        gpus=tuple(_snapshot(gpu) for gpu in devices.gpus),
    )
    return Look(machine, sizes, time.thread_time() - started)


def _snapshot(gpu: Gpu) -> GpuSnapshot:
    return GpuSnapshot(gpu.id, gpu.name, gpu.memory_total, gpu.memory_used, gpu.utilization, gpu.processes)
