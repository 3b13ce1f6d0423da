from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QAction

from gui.panels.undo_strip import UndoStrip
from gui.undo import SECONDS, Undo, UndoStack

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def nothing() -> None:
    """Take nothing back."""


FIRST, SECOND = Undo("Unregistered digits 1.0", nothing), Undo("Scaled signs 4.1", nothing)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def strip(qtbot: QtBot, clock: Clock) -> UndoStrip:
    strip = UndoStrip(QAction("Undo"), UndoStack(clock))
    strip._kept = strip._action  # type: ignore[attr-defined]  # nobody else holds the action
    qtbot.addWidget(strip)
    return strip


def test_it_is_there_only_while_something_can_be_taken_back(strip: UndoStrip, clock: Clock) -> None:
    assert strip.isHidden()
    assert not strip._action.isEnabled()
    strip.offer(FIRST)
    assert strip.isVisible()
    assert strip.text.text() == "Unregistered digits 1.0"
    assert strip._action.isEnabled()
    clock.now = SECONDS
    strip._timer.timeout.emit()
    assert strip.isHidden()
    assert not strip._action.isEnabled()


def test_the_newest_is_handed_out_and_the_one_before_offered_again(strip: UndoStrip) -> None:
    undone: list[Undo] = []
    strip.undone.connect(undone.append)
    strip.offer(FIRST)
    strip.offer(SECOND)
    strip.button.click()
    assert undone == [SECOND]
    assert strip.text.text() == FIRST.done
    strip._action.trigger()
    assert undone == [SECOND, FIRST]
    assert strip.isHidden()


def test_too_late_nothing_is_taken_back(strip: UndoStrip, clock: Clock) -> None:
    undone: list[Undo] = []
    strip.undone.connect(undone.append)
    strip.offer(FIRST)
    clock.now = SECONDS + 1
    strip._action.trigger()
    assert undone == []
    assert strip.isHidden()


def test_dismissed_it_forgets(strip: UndoStrip) -> None:
    strip.offer(FIRST)
    strip.dismiss.click()
    assert strip.isHidden()
    assert not strip._action.isEnabled()
