from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest
from PySide6.QtCore import Qt

from engine.snapshots import Changes, GpuSnapshot, Machine
from gui.panels.devices import Devices
from gui.panels.status_line import StatusLine
from gui.tables.catalog import Catalog, Totals
from tests.gui.fakes import FakeEngine, a_version, a_worker

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

GB = 10**9
OURS, STRANGER, GONE = 18211, os.getpid(), 2**22 + 5


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    held = {OURS: 20 * GB, STRANGER: 29 * GB, GONE: 2 * GB}
    gpu = GpuSnapshot(0, "NVIDIA H200", 139 * GB, 51 * GB, 64, held)
    engine.the_machine = replace(engine.the_machine, gpus=(gpu,))
    return engine


@pytest.fixture
def devices(qtbot: QtBot, engine: FakeEngine) -> Devices:
    catalog = Catalog()
    catalog.apply(Changes(1, (a_version("voice", "6.2", workers=(a_worker("9004", gpu_memory=20 * GB),)),)))
    devices = Devices(engine, catalog)
    qtbot.addWidget(devices)
    return devices


def test_each_device_says_how_full_it_is(devices: Devices) -> None:
    devices.look()
    gpu = devices.gpus[0]
    assert (gpu.name.text(), gpu.line.text()) == ("GPU 0 · H200", "51 of 139 GB · 64 %")
    assert gpu.bar.value() == 367
    assert devices.processors.name.text() == "CPU · 16 cores"
    assert devices.processors.line.text() == "22 % · 9.4 of 128 GB"
    assert gpu.accessibleName() == "GPU 0 · H200: 51 of 139 GB · 64 %"


def test_what_was_not_measured_yet_is_no_zero(devices: Devices, engine: FakeEngine) -> None:
    engine.the_machine = Machine(cpu=0.0, cores=16, memory_used=0, memory_total=0)
    devices.look()
    assert devices.processors.line.text() == "–"  # noqa: RUF001 - it is the window's dash
    assert devices.processors.name.text() == "CPU · 16 cores"
    devices._names.wait()


def test_who_holds_a_gpu_is_named_ours_by_model_strangers_by_process(devices: Devices, qtbot: QtBot) -> None:
    with qtbot.waitSignal(devices._names.found):
        devices.look()
    devices.look()
    assert devices.gpus[0].toolTip().splitlines() == [
        "Who holds the memory of GPU 0:",
        f"29 GB  {psutil.Process().name()}, process {STRANGER}",
        "20 GB  voice 6.2, worker 9004",
        f"2.0 GB  process {GONE}",
    ]
    devices._names.wait()


def test_nobody_looks_while_it_is_hidden(devices: Devices, qtbot: QtBot) -> None:
    assert not devices._timer.isActive()
    devices.show()
    qtbot.waitExposed(devices)
    assert devices._timer.isActive()
    devices.hide()
    assert not devices._timer.isActive()
    devices._names.wait()


def test_the_keyboard_reaches_a_device(devices: Devices) -> None:
    assert devices.processors.focusPolicy() is Qt.FocusPolicy.TabFocus


def test_the_status_line_leaves_out_what_would_say_zero(qtbot: QtBot, engine: FakeEngine) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    line.show_totals(Totals(2098.0, 26, 9, 4_500_000_000), engine.machine())
    assert line.totals.text().split("     ") == [
        "2\N{THIN SPACE}098 requests/s",
        "26 queued",
        "9 workers",
        "4.5 GB",
        "GPU 51 of 139 GB",
    ]
    line.show_totals(Totals(), FakeEngine().machine())
    assert line.totals.text() == ""
