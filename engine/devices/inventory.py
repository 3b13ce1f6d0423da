"""What is known about GPUs, and who can be asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

GPU_KINDS = ("cuda", "mps")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU at one moment; `id` is N of its device "cuda:N" in a worker, 0 for "mps".

    Memory is bytes. `utilization` and `memory_utilization` tell, in percent of the time, how long its processors and
    its memory were at work lately. `processes` has the memory of each process that computes on it, by pid.
    """

    id: int
    name: str = ""
    memory_total: int = 0
    memory_used: int = 0
    memory_free: int = 0
    utilization: int = 0
    memory_utilization: int = 0
    processes: Mapping[int, int] = field(default_factory=dict)


class Inventory(Protocol):
    """Whoever can be asked for the GPUs."""

    def read(self) -> tuple[Gpu, ...]:
        """Return the GPUs that workers see, in the order of their ids from 0. Blocking; never raises."""


def gpu_id_of(device: str) -> int | None:
    """Return the id that a device of torch names ("cuda:1", "mps"; without a number the first); None for no GPU."""
    kind, _, number = device.partition(":")
    if kind not in GPU_KINDS:
        return None
    return int(number) if number.isdecimal() else 0
