"""The Qt binding itself: some releases lose references to None on interpreters where it is not immortal, and abort."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QObject, QTimer, QTimerEvent, Signal
from typing_extensions import override

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

TIMES = 300
SLACK = 60


class Beater(QObject):
    beat = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.timed = 0

    @override
    def timerEvent(self, event: QTimerEvent) -> None:
        self.timed += 1


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal")
def test_signals_and_timer_events_lose_no_references_to_none(qapp: QApplication) -> None:
    beater = Beater()
    heard: list[int] = []
    beater.beat.connect(lambda _value: heard.append(1))
    timer = beater.startTimer(0)
    before = sys.getrefcount(None)
    for _ in range(TIMES):
        beater.beat.emit(None)
        QTimer.singleShot(0, beater, lambda: None)
        qapp.processEvents()
    after = sys.getrefcount(None)
    beater.killTimer(timer)
    assert len(heard) == TIMES
    assert beater.timed >= TIMES / 2
    assert abs(after - before) < SLACK
