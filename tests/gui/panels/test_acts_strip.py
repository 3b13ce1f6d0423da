from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from engine.snapshots import Act, Progress
from gui.panels.acts import MOST, ActsStrip
from tests.gui.fakes import MB, FakeEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot


STEP = Progress("unpacking", 318 * MB, 512 * MB)


def an_act(number: int, step: Progress = STEP) -> Act:
    return Act(number, f"https://models.example/m{number}.mar", time.time() - 8.0, step)


@pytest.fixture
def strip(qtbot: QtBot, engine: FakeEngine) -> Iterator[ActsStrip]:
    strip = ActsStrip(engine)
    qtbot.addWidget(strip)
    yield strip
    engine.running = []
    strip.look()


def test_nothing_is_shown_and_nothing_polled_while_nothing_goes_on(strip: ActsStrip) -> None:
    strip.look()
    assert strip.isHidden()
    assert not strip._timer.isActive()


def test_an_act_has_a_line_with_its_title_phase_bar_and_words(strip: ActsStrip, engine: FakeEngine) -> None:
    engine.running = [an_act(1)]
    strip.look()
    line = strip.lines[1]
    assert line.title.text() == "m1.mar"
    assert line.title.toolTip() == "https://models.example/m1.mar"
    assert line.phase.text() == "Unpacking"
    assert line.bar.value() / line.bar.maximum() == pytest.approx(318 / 512)
    assert line.told.text() == "318 MB of 512 MB · 8 s"
    assert strip._timer.isActive()


def test_an_unknown_total_has_no_bar(strip: ActsStrip, engine: FakeEngine) -> None:
    engine.running = [an_act(1, Progress("installing", 0, 0, "numpy"))]
    strip.look()
    assert not strip.lines[1].bar.isVisible()
    assert strip.lines[1].told.text() == "numpy · 8 s"


def test_lines_follow_the_engine_by_themselves(strip: ActsStrip, engine: FakeEngine, qtbot: QtBot) -> None:
    engine.running = [an_act(1)]
    strip.look()
    engine.running = [an_act(2)]
    qtbot.waitUntil(lambda: list(strip.lines) == [2])
    engine.running = []
    qtbot.waitUntil(strip.isHidden)
    assert not strip._timer.isActive()


def test_cancel_ends_that_act_alone(strip: ActsStrip, engine: FakeEngine) -> None:
    engine.running = [an_act(1), an_act(2)]
    strip.look()
    QTest.mouseClick(strip.lines[2].cancel, Qt.MouseButton.LeftButton)
    assert engine.calls == [("cancel", 2)]
    assert list(strip.lines) == [1]


def test_many_acts_do_not_fill_the_window(strip: ActsStrip, engine: FakeEngine) -> None:
    engine.running = [an_act(number) for number in range(MOST + 3)]
    strip.look()
    assert len(strip.lines) == MOST
    assert strip.others.text() == "3 more go on."


def test_a_strip_that_cannot_be_seen_rests(qtbot: QtBot, engine: FakeEngine) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    strip = ActsStrip(engine, window)
    engine.running = [an_act(1)]
    strip.look()
    assert not strip._timer.isActive()
    window.show()
    strip.look()
    assert strip._timer.isActive()
    window.hide()
    qtbot.waitUntil(lambda: not strip._timer.isActive())
