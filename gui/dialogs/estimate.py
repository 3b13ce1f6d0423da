"""How much memory further workers will take, and whether the machine has it. Pure.

What a worker will need is what those of the same version hold now, on average; a version without workers tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gui import words
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.snapshots import Machine, VersionSnapshot


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes for each worker, 0 where they differ, and for all of them together, in the machine's memory or a GPU's."""

    each: int
    needed: int
    free: int

    @property
    def fits(self) -> bool:
        """Whether there is room."""
        return self.needed <= self.free


def of_memory(versions: Sequence[VersionSnapshot], workers: int, machine: Machine) -> Estimate | None:
    """Return what the machine's memory is asked for when every version has `workers`; None when nothing is known."""
    means = [(_mean(one.memory for one in version.workers), _more(version, workers)) for version in versions]
    return _sum(means, max(0, machine.memory_total - machine.memory_used))


def of_gpus(versions: Sequence[VersionSnapshot], workers: int, machine: Machine) -> Estimate | None:
    """Return the same for the GPUs that the versions may use; None when none is used."""
    means = [(_mean(one.gpu_memory or 0 for one in version.workers), _more(version, workers)) for version in versions]
    ids = {number for version in versions for number in version.device_ids}
    gpus = [gpu for gpu in machine.gpus if not ids or gpu.id in ids]
    return _sum(means, sum(max(0, gpu.memory_total - gpu.memory_used) for gpu in gpus)) if gpus else None


def about(memory: Estimate | None, gpus: Estimate | None) -> str:
    """Return "about 210 MB each", with the GPU's share where there is one; empty when nothing is known."""
    parts = [_about(memory) if memory else "", tr("{about} on the GPU").format(about=_about(gpus)) if gpus else ""]
    return ", ".join(part for part in parts if part)


def shortage(memory: Estimate | None, gpus: Estimate | None) -> str:
    """Say what does not fit, empty when everything does."""
    told = (
        (memory, tr("That is about {needed} more, but only {free} of memory is free.")),
        (gpus, tr("That is about {needed} more, but only {free} of GPU memory is free.")),
    )
    return " ".join(
        text.format(needed=words.size(estimate.needed), free=words.size(estimate.free) if estimate.free else "0 MB")
        for estimate, text in told
        if estimate and not estimate.fits
    )


def _about(estimate: Estimate) -> str:
    if estimate.each:
        return tr("about {size} each").format(size=words.size(estimate.each))
    return tr("about {size} together").format(size=words.size(estimate.needed))


def _more(version: VersionSnapshot, workers: int) -> int:
    return max(0, workers - len(version.workers))


def _mean(sizes: Iterable[int]) -> int:
    known = [size for size in sizes if size]
    return sum(known) // len(known) if known else 0


def _sum(means: list[tuple[int, int]], free: int) -> Estimate | None:
    needed = sum(mean * more for mean, more in means)
    sizes = {mean for mean, more in means if more}
    return Estimate(sizes.pop() if len(sizes) == 1 else 0, needed, free) if needed else None
