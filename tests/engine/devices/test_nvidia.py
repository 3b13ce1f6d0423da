"""The inventory, with a management library that is not there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from engine.devices.inventory import Gpu
from engine.devices.nvidia import NvidiaInventory, management_library


class NvmlError(Exception):
    """What the library raises."""


@dataclass
class Library:
    """NVIDIA's management library with `cards`; `mute` names the questions that a card does not answer."""

    cards: int = 2
    init_error: str = ""
    mute: frozenset[str] = frozenset()
    inits: int = 0
    NVMLError: type[Exception] = NvmlError
    loads: list[int] = field(default_factory=list)

    def load(self) -> Any:
        self.loads.append(1)
        return self

    def nvmlInit(self) -> None:  # noqa: N802 - the library's name
        self.inits += 1
        if self.init_error:
            raise NvmlError(self.init_error)

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - the library's name
        return self.cards

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802 - the library's name
        return index

    def __getattr__(self, question: str) -> Callable[[int], Any]:
        if not question.startswith("nvmlDeviceGet"):
            raise AttributeError(question)

        def answer(index: int) -> Any:
            if question in self.mute:
                raise NvmlError("Not Supported")
            return {
                "nvmlDeviceGetUUID": f"GPU-{index}",
                "nvmlDeviceGetName": b"Card" if index else "Card",
                "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=100, used=30 + index, free=70 - index),
                "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=5, memory=2),
                "nvmlDeviceGetComputeRunningProcesses": [
                    SimpleNamespace(pid=10, usedGpuMemory=20),
                    SimpleNamespace(pid=11, usedGpuMemory=None),
                ],
            }[question]

        return answer


def test_every_gpu_is_told_with_its_figures() -> None:
    first, second = NvidiaInventory(None, Library().load).read()
    assert first == Gpu(0, "Card", 100, 30, 70, 5, 2, {10: 20})
    assert (second.id, second.name, second.memory_used) == (1, "Card", 31)


def test_ids_follow_what_processes_see(caplog: pytest.LogCaptureFixture) -> None:
    [only] = NvidiaInventory("1", Library().load).read()
    assert (only.id, only.memory_used) == (0, 31)
    assert NvidiaInventory("", Library().load).read() == ()
    assert caplog.messages == []
    assert NvidiaInventory("MIG-7", Library().load).read() == ()
    [told] = caplog.messages
    assert "CUDA_VISIBLE_DEVICES=MIG-7" in told


def test_the_library_is_set_up_by_the_first_look_alone() -> None:
    library = Library()
    inventory = NvidiaInventory(None, library.load)
    assert library.loads == []
    inventory.read()
    inventory.read()
    assert (len(library.loads), library.inits) == (1, 1)


def test_what_a_card_does_not_tell_is_zero() -> None:
    names = ("UtilizationRates", "ComputeRunningProcesses", "MemoryInfo", "Name")
    library = Library(cards=1, mute=frozenset(f"nvmlDeviceGet{name}" for name in names))
    assert NvidiaInventory(None, library.load).read() == (Gpu(0),)


@pytest.mark.parametrize("broken", ["driver", "library"])
def test_without_driver_or_library_there_are_no_gpus_and_one_line_tells_it(
    broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    library = Library(init_error="Driver Not Loaded")

    def missing() -> Any:
        raise ModuleNotFoundError("No module named 'pynvml'")

    inventory = NvidiaInventory(None, library.load if broken == "driver" else missing)
    assert inventory.read() == inventory.read() == ()
    [told] = caplog.messages
    assert told.startswith("No GPUs of NVIDIA: ")
    assert library.inits == (1 if broken == "driver" else 0)


def test_the_real_library_has_every_question() -> None:
    nvml = management_library()
    asked = ("Count", "HandleByIndex", "UUID", "Name", "MemoryInfo", "UtilizationRates", "ComputeRunningProcesses")
    assert all(callable(getattr(nvml, f"nvmlDeviceGet{name}")) for name in asked)
    assert issubclass(nvml.NVMLError, Exception)


def test_this_machine_can_be_asked() -> None:
    gpus = NvidiaInventory(None).read()
    assert [gpu.id for gpu in gpus] == list(range(len(gpus)))
