"""Which GPU a worker gets. Pure.

TorchServe: a model runs on GPUs if there are any, unless its model-config.yaml says `deviceType: cpu`; with `deviceIds`
its workers take these in turn. Without, TorchServe counts through the GPUs; here the one with the most room is taken.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.devices.inventory import Gpu


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the workers of a version run: "cpu" or "gpu", and with `device_ids` on which GPUs only."""

    device_type: str = "cpu"
    device_ids: tuple[int, ...] = ()


ON_CPU = Placement()


def placement(wanted: str | None, device_ids: Sequence[int], gpus: int) -> tuple[Placement, str]:
    """Return where a version runs on a machine with so many GPUs, and what of its wishes cannot be.

    `wanted` is its deviceType. A list of ids is passed over when one of them does not exist (TorchServe).
    """
    if wanted == "cpu":
        return ON_CPU, ""
    unknown = [one for one in device_ids if not 0 <= one < gpus]
    problem = f"deviceIds {list(device_ids)} is ignored: there is no GPU {unknown[0]}" if unknown else ""
    if not gpus:
        return ON_CPU, problem or ("deviceType gpu: there is no GPU, so workers run on the CPU" if wanted else "")
    return Placement("gpu", () if unknown else tuple(device_ids)), problem


def next_in_turn(device_ids: Sequence[int], taken: Counter[int]) -> int:
    """Return the id whose turn it is when `taken` tells how many workers of the version each GPU has.

    The list is gone through again and again; places that workers have left are filled first.
    """
    left = taken.copy()
    for one in itertools.cycle(device_ids):
        if not left[one]:
            return one
        left[one] -= 1
    raise ValueError("no ids to choose from")


def most_room(gpus: Sequence[Gpu], unseen: Mapping[int, int], last: int) -> int:
    """Return the id of the GPU on which a worker finds most memory; GPUs that are alike take turns after `last`.

    `unseen` tells how many workers each GPU was given that hold no memory there yet: what is free now is shared with
    them, so that workers started together do not all go where most is free.
    """
    chosen = max(
        gpus, key=lambda gpu: (gpu.memory_free / (unseen.get(gpu.id, 0) + 1), -((gpu.id - last - 1) % len(gpus)))
    )
    return chosen.id
