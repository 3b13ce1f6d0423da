"""NVIDIA's GPUs, asked through its management library. Blocking: runs in a thread."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.devices.inventory import Gpu
from engine.devices.visible import visible_gpus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What a card has that does not tell its memory."""

    total: int = 0
    used: int = 0
    free: int = 0


@dataclass(frozen=True, slots=True)
class _Utilization:
    """What a card has that does not tell how busy it is."""

    gpu: int = 0
    memory: int = 0


def management_library() -> Any:
    """Return the module of NVIDIA's management library; raises ImportError."""
    return importlib.import_module("pynvml")


class NvidiaInventory:
    """The GPUs that processes with `visible` as CUDA_VISIBLE_DEVICES see.

    The library is set up by the first `read`. A machine without driver or library has no GPUs from then on: the log
    tells it once, and nothing is tried again.
    """

    def __init__(self, visible: str | None, library: Callable[[], Any] = management_library) -> None:
        """Nothing happens before the first `read`; `library` gives the module then."""
        self._visible = visible
        self._library = library
        self._nvml: Any = None
        self._handles: Sequence[Any] | None = None

    def read(self) -> tuple[Gpu, ...]:
        """Return the GPUs as they are now; what one of them does not tell is 0."""
        if self._handles is None:
            self._handles = self._open()
        return tuple(self._gpu(gpu_id, handle) for gpu_id, handle in enumerate(self._handles))

    def _open(self) -> Sequence[Any]:
        try:
            self._nvml = nvml = self._library()
        except ImportError as error:
            log.info("No GPUs of NVIDIA: %s", error)
            return ()
        try:
            nvml.nvmlInit()
            handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
            indices, problem = visible_gpus(self._visible, [_text(nvml.nvmlDeviceGetUUID(one)) for one in handles])
        except nvml.NVMLError as error:
            log.info("No GPUs of NVIDIA: %s", error)
            return ()
        if problem:
            log.warning(
                "CUDA_VISIBLE_DEVICES=%s: %s; the list ends there. Name GPUs by index or UUID.", self._visible, problem
            )
        return [handles[index] for index in indices]

    def _gpu(self, gpu_id: int, handle: Any) -> Gpu:
        nvml = self._nvml
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle, _Memory())
        busy = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle, _Utilization())
        processes = self._ask(nvml.nvmlDeviceGetComputeRunningProcesses, handle, [])
        return Gpu(
            id=gpu_id,
            name=_text(self._ask(nvml.nvmlDeviceGetName, handle, "")),
            memory_total=memory.total,
            memory_used=memory.used,
            memory_free=memory.free,
            utilization=busy.gpu,
            memory_utilization=busy.memory,
            processes={one.pid: one.usedGpuMemory for one in processes if one.usedGpuMemory is not None},
        )

    def _ask(self, question: Callable[[Any], Any], handle: Any, otherwise: Any) -> Any:
        try:
            return question(handle)
        except self._nvml.NVMLError as error:
            log.debug("%s: %s", getattr(question, "__name__", question), error)
            return otherwise


def _text(value: str | bytes) -> str:
    """Older versions of the library give bytes."""
    return value.decode() if isinstance(value, bytes) else value
