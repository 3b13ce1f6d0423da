from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QListWidget,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QScrollBar,
    QSpinBox,
    QSplitter,
    QStyle,
    QStyleOptionSlider,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.drawing import places
from gui.style import Style, paint_by_delegate
from gui.theme import DARK, LIGHT, Theme, Tokens
from gui.widgets.basics import Button
from tests.gui.test_theme import contrast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

    Shown = Callable[..., QWidget]

SCHEMES = pytest.mark.parametrize(
    ("scheme", "colours"), [(Qt.ColorScheme.Light, LIGHT), (Qt.ColorScheme.Dark, DARK)], ids=["light", "dark"]
)
FIELDS: list[Callable[[], QWidget]] = [QLineEdit, QComboBox, QSpinBox, lambda: QPushButton("Choose")]
VISIBLE = 3.0
ROOT = Path(__file__).resolve().parents[2]
PART = QStyle.SubControl


def picture(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def colours_in(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def edge_of(widget: QWidget) -> str:
    """The colour in the middle of the upper edge."""
    return picture(widget).pixelColor(widget.width() // 2, 0).name()


@pytest.fixture
def shown(qtbot: QtBot) -> Iterator[Shown]:
    """Shows controls, one below the other, and keeps their window until the test ends."""
    windows = []

    def show(*widgets: QWidget) -> QWidget:
        window = QWidget()
        qtbot.addWidget(window)
        windows.append(window)
        column = QVBoxLayout(window)
        for widget in widgets:
            column.addWidget(widget)
        with qtbot.waitExposed(window):
            window.show()
        return window

    yield show
    windows.clear()


def focus(qtbot: QtBot, widget: QWidget) -> None:
    widget.window().activateWindow()
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)


@SCHEMES
@pytest.mark.parametrize("make", FIELDS, ids=["line edit", "combo box", "spin box", "button"])
def test_the_edge_of_a_field_tells_the_focus(
    qtbot: QtBot, shown: Shown, theme: Theme, scheme: Qt.ColorScheme, colours: Tokens, make: Callable[[], QWidget]
) -> None:
    theme.choose(scheme)
    field, other = make(), QLineEdit()
    shown(field, other)
    focus(qtbot, other)
    assert edge_of(field) == colours.border.name()
    focus(qtbot, field)
    assert edge_of(field) == colours.accent.name()


@SCHEMES
@pytest.mark.parametrize("make", [QCheckBox, QRadioButton])
def test_an_unticked_box_can_be_seen(
    qtbot: QtBot, shown: Shown, theme: Theme, scheme: Qt.ColorScheme, colours: Tokens, make: Callable[[str], QWidget]
) -> None:
    theme.choose(scheme)
    box = make("Wrap")
    shown(box, focused := QLineEdit())
    focus(qtbot, focused)
    middle = picture(box).pixelColor(0, box.height() // 2)
    assert contrast(middle, colours.background) >= VISIBLE


@SCHEMES
def test_a_tick_stands_out_of_its_box(shown: Shown, theme: Theme, scheme: Qt.ColorScheme, colours: Tokens) -> None:
    theme.choose(scheme)
    box = QCheckBox("Wrap")
    shown(box)
    box.setChecked(True)
    assert {colours.accent.name(), colours.on_accent.name()} <= colours_in(picture(box))


@SCHEMES
@pytest.mark.parametrize("make", [QCheckBox, QRadioButton])
def test_the_focus_of_a_box_can_be_seen(
    qtbot: QtBot, shown: Shown, theme: Theme, scheme: Qt.ColorScheme, colours: Tokens, make: Callable[[str], QWidget]
) -> None:
    theme.choose(scheme)
    box, other = make("Wrap"), QLineEdit()
    shown(box, other)
    focus(qtbot, other)
    assert colours.accent.name() not in colours_in(picture(box))
    focus(qtbot, box)
    assert colours.accent.name() in colours_in(picture(box))


@pytest.mark.usefixtures("theme")
@pytest.mark.parametrize("size", [9, 12, 24])
def test_fields_are_as_high_as_buttons(shown: Shown, size: int) -> None:
    typed = QComboBox()
    typed.setEditable(True)
    widgets = [QLineEdit(), QComboBox(), typed, QSpinBox(), QPushButton("Choose"), Button("Choose")]
    window = shown(*widgets)
    font = window.font()
    font.setPointSize(size)
    for widget in widgets:
        widget.setFont(font)
    assert {widget.sizeHint().height() for widget in widgets} == {places.control_height(widgets[0].fontMetrics())}


@pytest.mark.usefixtures("theme")
def test_a_combo_box_has_room_for_its_longest_text(qtbot: QtBot) -> None:
    box = QComboBox()
    box.addItems(["one", "a rather long choice"])
    qtbot.addWidget(box)
    text = box.fontMetrics().horizontalAdvance("a rather long choice")
    assert box.sizeHint().width() >= places.INSET + text + places.arrow_width(box.fontMetrics())


@pytest.mark.usefixtures("theme")
def test_the_steps_of_a_spin_box_can_be_clicked(shown: Shown) -> None:
    box = QSpinBox()
    shown(box)
    x, up, down = box.width() - 10, box.height() // 4, box.height() * 3 // 4
    for y in (up, up, down):
        QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
    assert box.value() == 1


@pytest.mark.usefixtures("theme")
def test_a_mirrored_spin_box_has_its_steps_on_the_left(shown: Shown) -> None:
    box = QSpinBox()
    box.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    shown(box)
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(10, box.height() // 4))
    assert box.value() == 1


def bar_option(bar: QScrollBar) -> QStyleOptionSlider:
    option = QStyleOptionSlider()
    bar.initStyleOption(option)
    return option


def a_bar(value: int, direction: Qt.Orientation = Qt.Orientation.Vertical) -> QScrollBar:
    bar = QScrollBar(direction)
    bar.setRange(0, 300)
    bar.setPageStep(100)
    bar.setValue(value)
    bar.resize(12, 200) if direction is Qt.Orientation.Vertical else bar.resize(200, 12)
    return bar


@pytest.mark.usefixtures("theme")
@pytest.mark.parametrize(("value", "top"), [(0, 0), (150, 75), (300, 150)])
def test_a_scroll_bar_shows_its_place_and_has_no_arrows(qtbot: QtBot, value: int, top: int) -> None:
    bar = a_bar(value)
    qtbot.addWidget(bar)
    option = bar_option(bar)
    assert places.in_scroll_bar(option, PART.SC_ScrollBarSlider) == QRect(0, top, 12, 50)
    assert places.in_scroll_bar(option, PART.SC_ScrollBarAddLine).isEmpty()
    assert places.in_scroll_bar(option, PART.SC_ScrollBarSubLine).isEmpty()


@pytest.mark.usefixtures("theme")
def test_the_handle_of_a_lying_scroll_bar_starts_on_the_right_in_a_mirrored_layout(qtbot: QtBot) -> None:
    bar = a_bar(0, Qt.Orientation.Horizontal)
    bar.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    qtbot.addWidget(bar)
    handle = bar.style().subControlRect(
        QStyle.ComplexControl.CC_ScrollBar, bar_option(bar), PART.SC_ScrollBarSlider, bar
    )
    assert handle == QRect(150, 0, 50, 12)


@pytest.mark.usefixtures("theme")
def test_the_handle_of_an_endless_list_can_still_be_taken(qtbot: QtBot) -> None:
    bar = a_bar(0)
    bar.setRange(0, 2_000_000_000)
    qtbot.addWidget(bar)
    assert places.in_scroll_bar(bar_option(bar), PART.SC_ScrollBarSlider).height() >= 30


@pytest.mark.usefixtures("theme")
def test_dragging_the_handle_scrolls(qtbot: QtBot) -> None:
    bar = a_bar(0)
    qtbot.addWidget(bar)
    bar.show()
    QTest.mousePress(bar, Qt.MouseButton.LeftButton, pos=QPoint(6, 20))
    QTest.mouseMove(bar, QPoint(6, 95))
    QTest.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=QPoint(6, 95))
    assert bar.value() == 150


@SCHEMES
def test_what_cannot_be_used_is_dim(shown: Shown, theme: Theme, scheme: Qt.ColorScheme, colours: Tokens) -> None:
    theme.choose(scheme)
    box = QCheckBox("Wrap")
    box.setChecked(True)
    box.setEnabled(False)
    shown(box)
    assert colours.accent.name() not in colours_in(picture(box))
    assert box.palette().color(QPalette.ColorRole.WindowText) == colours.dim


@SCHEMES
def test_the_chosen_item_of_a_menu_has_no_bevel(
    qtbot: QtBot, theme: Theme, scheme: Qt.ColorScheme, colours: Tokens
) -> None:
    theme.choose(scheme)
    menu = QMenu()
    qtbot.addWidget(menu)
    item = menu.addAction("")
    menu.addAction("Copy")
    menu.popup(QPoint(0, 0))
    menu.setActiveAction(item)
    image, place = picture(menu), menu.actionGeometry(item)
    middle = image.pixelColor(place.center())
    assert middle == colours.selection
    assert image.pixelColor(place.center().x(), place.top()) == middle


def test_the_style_is_kept_when_a_theme_is_made_again(qapp: QApplication, theme: Theme) -> None:
    style = qapp.style()
    for _ in range(20):
        assert Theme(qapp).chosen is theme.chosen
    assert qapp.style() is style
    assert isinstance(style, Style)


def test_a_style_can_be_replaced_while_controls_are_shown(shown: Shown, qapp: QApplication, theme: Theme) -> None:
    del theme
    areas = QPlainTextEdit("text"), QListWidget(), QSplitter(), QToolButton()
    window = shown(QLineEdit(), QComboBox(), QSpinBox(), QCheckBox("Wrap"), QScrollBar(), *areas)
    for _ in range(20):
        qapp.setStyle(Style())
        assert not window.grab().isNull()


@SCHEMES
def test_a_scroll_bar_lies_on_the_ground_of_its_area(
    shown: Shown, theme: Theme, scheme: Qt.ColorScheme, colours: Tokens
) -> None:
    theme.choose(scheme)
    area = QListWidget()
    area.addItems(["row"] * 200)
    shown(area)
    bar = area.verticalScrollBar()
    ground = picture(bar).pixelColor(0, bar.height() - 1)
    assert ground == colours.surface
    assert QColor(ground) != colours.background


@pytest.mark.usefixtures("theme")
def test_a_table_asks_no_python_for_its_cells_and_keeps_the_flat_scroll_bar(qtbot: QtBot) -> None:
    table = QTableView()
    qtbot.addWidget(table)
    paint_by_delegate(table)
    assert not isinstance(table.style(), Style)
    assert isinstance(table.verticalScrollBar().style(), Style)


LEAVING = """
import sys
from PySide6.QtWidgets import QApplication, QLineEdit, QTableView
from gui.style import Style, paint_by_delegate
from gui.theme import Theme

app = QApplication(sys.argv)
line, table = QLineEdit(), QTableView()
for _ in range(5):
    Theme(app)
    app.setStyle(Style())
paint_by_delegate(table)
line.show()
table.show()
app.processEvents()
"""


def test_a_program_with_the_style_ends_in_peace() -> None:
    ended = subprocess.run([sys.executable, "-c", LEAVING], cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
