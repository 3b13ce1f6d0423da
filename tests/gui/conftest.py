"""Qt without a screen, and an asyncio loop over it that is checked for what a test leaves behind."""

from __future__ import annotations

import asyncio
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gui import refresh
from gui.loop import Loop
from gui.tables import outline
from gui.theme import Theme
from tests.gui.fakes import FakeEngine, FakeHost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QApplication

    from tests.gui.fakes import Run

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


HERE = Path(__file__).parent
LACKING = ("propagateSizeHints", "systemTrayWindowChanged", r"support raise\(\)", "grabbing the keyboard")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The platform without a screen has neither window manager nor tray, and says so; every other warning fails."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.qt_log_ignore(*LACKING, extend=True))


@pytest.fixture
def run(qapp: QApplication) -> Iterator[Run]:
    """Runs a coroutine to its end on the Qt loop."""
    qapp.setQuitOnLastWindowClosed(False)
    loop = Loop(qapp)
    asyncio.set_event_loop(loop)
    yield loop.run_until_complete
    left = asyncio.all_tasks(loop)
    loop.close()
    asyncio.set_event_loop(None)
    assert not left, f"tasks left running: {left}"


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def host(engine: FakeEngine) -> FakeHost:
    return FakeHost(engine)


@pytest.fixture(autouse=True)
def shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the window would show in slices it shows in one, whatever else the machine does."""
    monkeypatch.setattr(refresh, "SLICE_SECONDS", math.inf)
    monkeypatch.setattr(outline, "SORT_SECONDS", math.inf)
