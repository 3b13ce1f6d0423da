"""GPUs of AMD and Apple, with stand-ins for the library and the machine: none of them can be had for tests."""

from __future__ import annotations

import platform
import sys
from enum import Enum
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from engine.devices.all_vendors import FirstInventory
from engine.devices.amd import AmdInventory
from engine.devices.apple import AppleInventory
from engine.devices.inventory import Gpu, gpu_id_of


class AmdError(Exception):
    """What the library raises."""


class Memory(Enum):
    VRAM = 0


def amd_library(cards: int = 2, mute: str = "", init_error: str = "") -> Any:
    """Return AMD's management library with so many cards; `mute` is a question that no card answers."""

    def answering(name: str, value: Any) -> Any:
        def answer(handle: int, *_: Any) -> Any:
            if name == mute:
                raise AmdError("AMDSMI_STATUS_NOT_SUPPORTED")
            return value(handle)

        return answer

    def init() -> None:
        if init_error:
            raise AmdError(init_error)

    process = {"name": "python", "pid": 7, "mem": 9, "memory_usage": {"vram_mem": 5}}
    answers: dict[str, Any] = {
        "amdsmi_get_gpu_device_uuid": lambda handle: f"GPU-{handle}",
        "amdsmi_get_gpu_memory_total": lambda _: 100,
        "amdsmi_get_gpu_memory_usage": lambda handle: 30 + handle,
        "amdsmi_get_gpu_activity": lambda _: {"gfx_activity": 40, "umc_activity": "N/A"},
        "amdsmi_get_gpu_asic_info": lambda _: {"market_name": "MI300X"},
        "amdsmi_get_gpu_process_list": lambda handle: [process] if handle else [],
    }
    return SimpleNamespace(
        AmdSmiException=AmdError,
        AmdSmiMemoryType=Memory,
        amdsmi_init=init,
        amdsmi_get_processor_handles=lambda: list(range(cards)),
        **{name: answering(name, value) for name, value in answers.items()},
    )


def test_every_gpu_of_amd_with_its_figures() -> None:
    first, second = AmdInventory(None, amd_library).read()
    assert first == Gpu(0, "MI300X", 100, 30, 70, 40, 0, {})
    assert second == Gpu(1, "MI300X", 100, 31, 69, 40, 0, {7: 5})


def test_visible_gpus_of_amd_are_counted_from_0() -> None:
    [only] = AmdInventory("1", amd_library).read()
    assert (only.id, only.memory_used) == (0, 31)
    assert AmdInventory("", amd_library).read() == ()


def test_what_a_card_of_amd_does_not_report_is_0() -> None:
    [gpu] = AmdInventory(None, lambda: amd_library(1, mute="amdsmi_get_gpu_activity")).read()
    assert (gpu.utilization, gpu.memory_used) == (0, 30)


def test_without_driver_or_library_there_are_no_gpus_of_amd() -> None:
    assert AmdInventory(None, lambda: amd_library(init_error="no driver")).read() == ()
    assert AmdInventory(None).read() == (), "the library is not installed here"


def test_a_mac_with_apple_silicon_has_one_gpu_that_shares_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert AppleInventory().read() == ()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=16, available=6))
    assert AppleInventory().read() == (Gpu(0, "Apple GPU", 16, 10, 6),)
    assert gpu_id_of("mps") == 0


class Fixed:
    def __init__(self, *gpus: Gpu) -> None:
        self.gpus = gpus
        self.reads = 0

    def read(self) -> tuple[Gpu, ...]:
        self.reads += 1
        return self.gpus


def test_the_first_vendor_with_gpus_is_asked_from_then_on() -> None:
    none, some, other = Fixed(), Fixed(Gpu(0)), Fixed(Gpu(0), Gpu(1))
    inventory = FirstInventory((none, some, other))
    assert [inventory.read(), inventory.read()] == [(Gpu(0),), (Gpu(0),)]
    assert (none.reads, some.reads, other.reads) == (1, 2, 0)


def test_a_machine_without_gpus_is_asked_once() -> None:
    none = Fixed()
    inventory = FirstInventory((none,))
    assert [inventory.read(), inventory.read()] == [(), ()]
    assert none.reads == 1
