from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QSplitter, QTabBar, QTreeView, QVBoxLayout, QWidget

from gui import layout
from gui.preferences import TAB, Preferences

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

SCREEN = QRect(0, 0, 1920, 1080)


class Columns(QTreeView):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.now = b"first"

    def save_columns(self) -> bytes:
        return self.now

    def restore_columns(self, state: bytes) -> None:
        self.now = state


class House(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.tabs = QTabBar()
        for title in "abc":
            self.tabs.addTab(title)
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setObjectName("main")
        self.split.addWidget(QLabel("above"))
        self.split.addWidget(QLabel("below"))
        self.columns = Columns("models")
        self.plain = QTreeView()
        column = QVBoxLayout(self)
        for widget in (self.tabs, self.split, self.columns, self.plain):
            column.addWidget(widget)
        self.resize(500, 600)


@pytest.fixture
def house(qtbot: QtBot) -> House:
    found = House()
    qtbot.addWidget(found)
    found.show()
    return found


def test_what_was_saved_comes_back_in_another_window(house: House, qtbot: QtBot) -> None:
    preferences = Preferences()
    house.resize(420, 510)
    house.tabs.setCurrentIndex(2)
    house.split.setSizes([60, 200])
    house.columns.now = b"moved"
    layout.save(house, house.tabs, preferences)
    other = House()
    qtbot.addWidget(other)
    layout.restore(other, other.tabs, preferences)
    other.show()
    assert (other.width(), other.height()) == (420, 510)
    assert other.tabs.currentIndex() == 2
    assert other.split.sizes() == house.split.sizes()
    assert other.columns.now == b"moved"


def test_nothing_saved_changes_nothing(house: House) -> None:
    layout.restore(house, house.tabs, Preferences())
    assert (house.width(), house.height()) == (500, 600)
    assert house.columns.now == b"first"
    assert house.tabs.currentIndex() == 0


@pytest.mark.parametrize("tab", [-1, 3, 99])
def test_a_tab_that_is_not_there_is_not_opened(house: House, tab: int) -> None:
    preferences = Preferences()
    preferences.put(TAB, tab)
    house.tabs.setCurrentIndex(1)
    layout.restore(house, house.tabs, preferences)
    assert house.tabs.currentIndex() == 1


def test_a_window_on_a_screen_that_is_gone_comes_back(house: House) -> None:
    house.move(9000, 9000)
    layout.keep_on_screen(house)
    available = QGuiApplication.primaryScreen().availableGeometry()
    assert available.contains(house.geometry().topLeft())


def test_a_window_is_no_larger_than_its_screen(house: House) -> None:
    house.resize(5000, 5000)
    layout.keep_on_screen(house)
    available = QGuiApplication.primaryScreen().availableGeometry()
    assert house.width() <= available.width()
    assert house.height() <= available.height()


@pytest.mark.parametrize(
    ("window", "held"),
    [
        (QRect(10, 10, 800, 600), True),
        (QRect(-700, 10, 800, 600), False),
        (QRect(-600, 10, 800, 600), True),
        (QRect(1900, 10, 800, 600), False),
        (QRect(10, 1075, 800, 600), False),
        (QRect(10, -590, 800, 600), False),
    ],
)
def test_a_window_can_be_held_by_its_top(window: QRect, *, held: bool) -> None:
    assert layout.can_be_held(window, SCREEN) is held


def test_a_change_is_saved_a_moment_later_so_that_a_crash_loses_little(house: House, qtbot: QtBot) -> None:
    preferences = Preferences()
    keeper = layout.Keeper(house, house.tabs, preferences)
    keeper.pause.setInterval(1)
    keeper.pause.stop()
    house.tabs.setCurrentIndex(2)
    qtbot.waitUntil(lambda: preferences.get(TAB) == 2)
    before = preferences.state("geometry")
    house.resize(333, 444)
    qtbot.waitUntil(lambda: preferences.state("geometry") != before)
    for signal in (house.columns.header().sectionResized, house.columns.header().sectionMoved):
        keeper.pause.stop()
        signal.emit(0, 10, 77)
        assert keeper.pause.isActive()
    keeper.pause.stop()
    house.split.splitterMoved.emit(20, 1)
    assert keeper.pause.isActive()


def test_after_the_end_nothing_is_saved_any_more(house: House, qtbot: QtBot) -> None:
    preferences = Preferences()
    keeper = layout.Keeper(house, house.tabs, preferences)
    keeper.pause.setInterval(1)
    house.tabs.setCurrentIndex(1)
    keeper.close()
    assert preferences.get(TAB) == 1
    house.tabs.setCurrentIndex(2)
    qtbot.waitUntil(lambda: not keeper.pause.isActive())
    assert preferences.get(TAB) == 1
