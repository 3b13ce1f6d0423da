"""The GPUs of whichever vendor this machine has. Blocking: runs in a thread."""

from __future__ import annotations

from collections.abc import Mapping

from engine.devices.amd import AmdInventory
from engine.devices.apple import AppleInventory
from engine.devices.inventory import Gpu, Inventory
from engine.devices.nvidia import NvidiaInventory


class FirstInventory:
    """The first of several inventories that finds a GPU at the first `read` (TorchServe's rule)."""

    def __init__(self, inventories: tuple[Inventory, ...]) -> None:
        """Nothing happens before the first `read`."""
        self._inventories = inventories

    def read(self) -> tuple[Gpu, ...]:
        """Return the GPUs as they are now."""
        for inventory in self._inventories:
            if gpus := inventory.read():
                self._inventories = (inventory,)
                return gpus
        self._inventories = ()
        return ()


def machine_inventory(variables: Mapping[str, str]) -> FirstInventory:
    """Return the inventory of this machine; `variables` are those of workers, which may hide GPUs."""
    cuda = variables.get("CUDA_VISIBLE_DEVICES")
    return FirstInventory(
        (NvidiaInventory(cuda), AmdInventory(variables.get("HIP_VISIBLE_DEVICES", cuda)), AppleInventory())
    )
