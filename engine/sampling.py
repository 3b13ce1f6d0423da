"""How much memory workers hold, looked at again and again. On the loop; the looking is in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from engine.devices.devices import Devices
from engine.snapshots import Key
from engine.threads import Threads
from engine.workers.memory import resident_memory

if TYPE_CHECKING:
    from engine.version import Version

SAMPLE_SECONDS = 2.0


async def sample_memory(
    versions: Mapping[Key, Version], devices: Devices, threads: Threads, touch: Callable[[Key], None]
) -> None:
    """Look every few seconds, for ever; `touch` is called for each version of which a worker's memory changed."""
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        await sample_once(versions, devices, threads, touch)


async def sample_once(
    versions: Mapping[Key, Version], devices: Devices, threads: Threads, touch: Callable[[Key], None]
) -> None:
    """Look at the GPUs and at every worker's process, and tell the workers what they hold."""
    workers = [(version, worker) for version in versions.values() for worker in version.pool.workers.values()]
    pids = {pid for _, worker in workers if (pid := worker.life.facts.pid)}
    sizes = await threads.run(_look, pids, devices) if pids or devices.gpus else {}
    for version, worker in workers:
        pid = worker.life.facts.pid or 0
        held = (sizes.get(pid, 0), devices.memory_of(pid))
        key = version.spec.key
        if held != (worker.memory, worker.gpu_memory) and key in versions:
            worker.memory, worker.gpu_memory = held
            version.gpu_memory_peak = max(version.gpu_memory_peak, held[1] or 0)
            touch(key)


def _look(pids: set[int], devices: Devices) -> dict[int, int]:
    devices.look()
    return resident_memory(pids)
