"""The GPUs that workers may use, as they were when last looked at. Read on the loop; `look` runs in a thread."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from engine.devices.inventory import Gpu, Inventory
from engine.devices.placement import Placement, most_room, next_in_turn, placement

log = logging.getLogger(__name__)

MEBIBYTE = 1024**2


@dataclass(frozen=True, slots=True)
class Seat:
    """A worker that has a GPU, or will: whether it is of the version in question, and whether its memory shows."""

    gpu_id: int
    same_version: bool
    seen: bool


class Devices:
    """All GPUs of `inventory`, or the first `limit` (TorchServe: number_of_gpu). There are none before `look`."""

    def __init__(self, inventory: Inventory, limit: int | None) -> None:
        """Nothing happens before `look`; with a limit of 0 nobody is ever asked."""
        self.gpus: tuple[Gpu, ...] = ()
        self._inventory = inventory
        self._limit = limit
        self._last = -1

    def look(self) -> None:
        """Ask the inventory. Blocking."""
        if self._limit != 0:
            self.gpus = self._inventory.read()[: self._limit]

    def memory_of(self, pid: int) -> int | None:
        """Return the bytes that a process holds on all GPUs; None when it holds none, or nobody knows."""
        sizes = [gpu.processes[pid] for gpu in self.gpus if pid in gpu.processes]
        return sum(sizes) if sizes else None

    def placement(self, name: str, wanted: str | None, device_ids: Collection[int]) -> Placement:
        """Return where the version `name` runs; what it wants and cannot have is named in the log."""
        found, problem = placement(wanted, tuple(device_ids), len(self.gpus))
        if problem:
            log.warning("%s: %s", name, problem)
        return found

    def choose(self, wanted: Placement, seats: Collection[Seat]) -> int | None:
        """Return the GPU of a worker to be started, None for the CPU; `seats` are those of all other workers."""
        if wanted.device_type != "gpu" or not self.gpus:
            return None
        if wanted.device_ids:
            return next_in_turn(wanted.device_ids, Counter(seat.gpu_id for seat in seats if seat.same_version))
        self._last = most_room(self.gpus, _unseen(seats), self._last)
        return self._last

    def warn_if_full(self, who: str, gpu_id: int, needed: int, seats: Collection[Seat]) -> None:
        """Tell the log that a worker may not fit, when workers like it have held `needed` bytes."""
        gpu = next((gpu for gpu in self.gpus if gpu.id == gpu_id), None)
        coming = sum(seat.gpu_id == gpu_id and seat.same_version and not seat.seen for seat in seats)
        if gpu is not None and needed * (coming + 1) > gpu.memory_free:
            log.warning(
                "%s may not fit on GPU %d: workers of its version have used %d MiB each, %d MiB is free%s.",
                who, gpu_id, needed // MEBIBYTE, gpu.memory_free // MEBIBYTE,
                f"; workers still loading there: {coming}" if coming else "",
            )  # fmt: skip


def _unseen(seats: Collection[Seat]) -> Counter[int]:
    return Counter(seat.gpu_id for seat in seats if not seat.seen)
