"""AMD's GPUs, read through its management library `amdsmi`, which ROCm brings. Blocking: runs in a thread.

Torch for ROCm calls them "cuda:N", as those of NVIDIA.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

from engine.devices.inventory import Gpu
from engine.devices.visible import visible_gpus

log = logging.getLogger(__name__)


def management_library() -> Any:
    """Return the module of AMD's management library; raises ImportError, or OSError without the driver's part."""
    return importlib.import_module("amdsmi")


class AmdInventory:
    """The GPUs that processes with `visible` as HIP_VISIBLE_DEVICES see.

    The first `read` sets the library up. Without driver or library there are no GPUs from then on.
    """

    def __init__(self, visible: str | None, library: Callable[[], Any] = management_library) -> None:
        """Nothing happens before the first `read`; `library` gives the module then."""
        self._visible = visible
        self._library = library
        self._smi: Any = None
        self._handles: Sequence[Any] | None = None

    def read(self) -> tuple[Gpu, ...]:
        """Return the GPUs as they are now; a value that one of them does not report is 0."""
        if self._handles is None:
            self._handles = self._open()
        return tuple(self._gpu(gpu_id, handle) for gpu_id, handle in enumerate(self._handles))

    def _open(self) -> Sequence[Any]:
        try:
            self._smi = smi = self._library()
            smi.amdsmi_init()
            handles = smi.amdsmi_get_processor_handles()
            uuids = [smi.amdsmi_get_gpu_device_uuid(handle) for handle in handles]
        except Exception as error:  # noqa: BLE001 - the library's errors are known only once it is there
            log.debug("No GPUs of AMD: %s", error)
            return ()
        indices, problem = visible_gpus(self._visible, uuids)
        if problem:
            log.warning("HIP_VISIBLE_DEVICES=%s: %s; the list ends there. Name GPUs by index.", self._visible, problem)
        return [handles[index] for index in indices]

    def _gpu(self, gpu_id: int, handle: Any) -> Gpu:
        smi = self._smi
        vram = smi.AmdSmiMemoryType.VRAM
        total = self._query(smi.amdsmi_get_gpu_memory_total, handle, vram) or 0
        used = self._query(smi.amdsmi_get_gpu_memory_usage, handle, vram) or 0
        activity = self._query(smi.amdsmi_get_gpu_activity, handle) or {}
        processes = self._query(smi.amdsmi_get_gpu_process_list, handle) or []
        return Gpu(
            id=gpu_id,
            name=(self._query(smi.amdsmi_get_gpu_asic_info, handle) or {}).get("market_name", ""),
            memory_total=total,
            memory_used=used,
            memory_free=total - used,
            utilization=_number(activity.get("gfx_activity")),
            memory_utilization=_number(activity.get("umc_activity")),
            processes={one["pid"]: _number(one["memory_usage"]["vram_mem"]) for one in processes},
        )

    def _query(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except self._smi.AmdSmiException as error:
            log.debug("%s: %s", getattr(function, "__name__", function), error)
            return None


def _number(value: object) -> int:
    """The library gives the text "N/A" for a value that it does not know."""
    return value if isinstance(value, int) else 0
