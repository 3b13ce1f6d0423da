"""Versions as the devices see them: which GPU each worker gets when its process starts. On the loop."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from engine.devices.devices import Devices, Seat
from engine.devices.placement import Placement
from engine.snapshots import Key, WorkerState

if TYPE_CHECKING:
    from engine.version import Version
    from engine.workers.worker import Worker, WorkerPlan

# These neither hold a GPU's memory nor will.
WITHOUT_SEAT = (WorkerState.FAILED, WorkerState.STOPPED)


class Seating:
    """Gives workers their GPUs. `versions` tells all versions whenever it is asked."""

    def __init__(self, devices: Devices, versions: Callable[[], Collection[Version]]) -> None:
        """Nothing is kept here: who sits where is read off the workers."""
        self._devices = devices
        self._versions = versions

    def seated(self, plan: WorkerPlan, key: Key, placement: Placement) -> WorkerPlan:
        """Return the plan for workers that get a GPU as `placement` says, each time that their process starts."""
        return replace(plan, place=partial(self._place, key, placement))

    def _place(self, key: Key, placement: Placement, worker: Worker) -> int | None:
        versions = self._versions()
        seats = [
            Seat(one.gpu_id, version.spec.key == key, one.gpu_memory is not None)
            for version in versions
            for one in version.pool.workers.values()
            if one is not worker and one.gpu_id is not None and one.state not in WITHOUT_SEAT
        ]
        gpu_id = self._devices.choose(placement, seats)
        if gpu_id is not None:
            needed = max((one.gpu_memory_peak for one in versions if one.spec.key == key), default=0)
            self._devices.warn_if_full(f"Worker {worker.id} of {key.name} {key.version}", gpu_id, needed, seats)
        return gpu_id
