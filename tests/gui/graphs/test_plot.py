"""Lines on grid lines: where they lie in the picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from gui import theme as themes
from gui.graphs.plot import Plot
from gui.graphs.scale import of_numbers
from gui.graphs.trace import Trace

if TYPE_CHECKING:
    from PySide6.QtGui import QColor
    from pytestqt.qtbot import QtBot

    from gui.theme import Theme

AGES = [float(age) for age in range(-60, 1)]
NAN = math.nan
# Of colours, for a line lies between pixels.
NEAR = 150


@pytest.fixture
def plot(qtbot: QtBot, theme: Theme) -> Plot:
    theme.choose(Qt.ColorScheme.Light)
    plot = Plot(60)
    qtbot.addWidget(plot)
    plot.resize(400, 200)
    return plot


def places(plot: Plot, colour: QColor) -> set[tuple[int, int]]:
    image = plot.grab().toImage()
    cells = ((x, y) for x in range(round(plot.area().left()), image.width()) for y in range(image.height()))
    return {(x, y) for x, y in cells if _distance(image.pixelColor(x, y), colour) < NEAR}


def _distance(one: QColor, other: QColor) -> int:
    return abs(one.red() - other.red()) + abs(one.green() - other.green()) + abs(one.blue() - other.blue())


def test_a_line_lies_at_the_height_of_its_values_over_the_whole_width(plot: Plot) -> None:
    plot.show_traces(AGES, [Trace([50.0] * 61)], of_numbers(90), 60)
    seen, area = places(plot, themes.LIGHT.accent), plot.area()
    height = area.bottom() - area.height() * 50 / 90
    assert {y for _, y in seen} <= {round(height) + by for by in (-2, -1, 0, 1)}
    assert min(x for x, _ in seen) <= area.left() + 1
    assert max(x for x, _ in seen) >= area.right() - 2


def test_a_gap_parts_a_line_and_a_value_alone_is_a_dot(plot: Plot) -> None:
    values = [50.0] * 20 + [NAN] * 20 + [10.0] + [NAN] * 20
    plot.show_traces(AGES, [Trace(values)], of_numbers(90), 60)
    seen, area = places(plot, themes.LIGHT.accent), plot.area()
    third = area.width() / 3
    assert not [x for x, _ in seen if area.left() + third < x < area.left() + 1.9 * third]
    dot = [(x, y) for x, y in seen if x > area.left() + 1.9 * third]
    assert 4 <= len(dot) <= 30


def test_a_trace_without_values_leaves_the_grid(plot: Plot) -> None:
    plot.show_traces(AGES, [Trace([NAN] * 61)], of_numbers(90), 60)
    assert not places(plot, themes.LIGHT.accent)
    grid = plot.grab().toImage()
    column = [grid.pixelColor(200, y) for y in range(grid.height())]
    assert column.count(themes.LIGHT.border) == 4
