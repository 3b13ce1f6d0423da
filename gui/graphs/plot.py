"""Lines over the last minutes on four grid lines: the only module that knows pyqtgraph. The GUI thread.

Importing it takes 0.3 s, which is why `gui.graphs.library` does it, in a thread, once somebody wants to see graphs.
pyqtgraph has no types; what comes from it is `Any` in here and goes no further. Of its parts only those are used that
make no menus and take no mouse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg  # type: ignore[import-untyped]  # it has none
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme
from gui.graphs.history import SECONDS
from gui.graphs.scale import INTERVALS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor

    from gui.graphs.scale import Scale
    from gui.theme import Tokens

AXIS = "000 000"
# Wider lines take four times as long to paint.
LINE = 1
DOT = 4
# Half of a label stands out over the uppermost line and under the lowest.
MARGIN = 8


class Plot(QWidget):
    """Draws lines of values by age, which is seconds at most 0; NaN breaks a line.

    Signals: `hovered` with the age under the pointer, or None when it has left.
    """

    hovered = Signal(object)

    def __init__(self, lines: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # What the labels beside the grid lines take: the same in every graph, so that times align.
        self.axis_width = self.fontMetrics().horizontalAdvance(AXIS) + 2 * theme.GRID
        self.setMouseTracking(True)
        self._scale: Scale | None = None
        self._view: Any = pg.GraphicsView(self, useOpenGL=False, background=None)
        self._view.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._box: Any = pg.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0)
        self._axis: Any = pg.AxisItem("left", linkView=self._box)
        self._grid: list[Any] = [pg.InfiniteLine(angle=0, movable=False) for _ in range(INTERVALS + 1)]
        self._curves: list[Any] = [pg.PlotCurveItem(antialias=True, connect="finite") for _ in range(lines)]
        # A value between two gaps makes no line; it is a dot.
        self._dots: list[Any] = [pg.ScatterPlotItem(size=DOT, pen=None, antialias=True) for _ in range(lines)]
        self._cursor: Any = pg.InfiniteLine(angle=90, movable=False)
        self._lay_out()

    def _lay_out(self) -> None:
        for item in (*self._grid, *reversed(self._curves), *reversed(self._dots), self._cursor):
            self._box.addItem(item, ignoreBounds=True)
        self._cursor.hide()
        self._box.disableAutoRange()
        self._box.setXRange(-SECONDS, 0, padding=0)
        self._axis.setStyle(tickLength=0, tickAlpha=0, tickFont=self.font())
        self._axis.setPen(None)
        self._axis.setWidth(self.axis_width)
        inner: Any = pg.GraphicsLayout(border=None)
        inner.setContentsMargins(0, MARGIN, 0, MARGIN)
        inner.setSpacing(0)
        inner.addItem(self._axis, 0, 0)
        inner.addItem(self._box, 0, 1)
        self._view.setCentralItem(inner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)

    def set_colours(self, colours: Tokens, lines: Sequence[QColor]) -> None:
        """Draw in these colours from now on, a colour for each line."""
        self._view.setBackground(colours.surface)
        self._axis.setTextPen(pg.mkPen(colours.dim))
        self._cursor.setPen(pg.mkPen(colours.dim))
        for line in self._grid:
            line.setPen(pg.mkPen(colours.border))
        for curve, dots, colour in zip(self._curves, self._dots, lines, strict=True):
            curve.setPen(pg.mkPen(colour, width=LINE))
            dots.setBrush(pg.mkBrush(colour))

    def show_lines(self, ages: Sequence[float], lines: Sequence[Sequence[float]], scale: Scale) -> None:
        """Draw each line's values by their ages, over the grid lines of this scale; a line may have none."""
        if scale != self._scale:
            self._set_scale(scale)
        when = np.array(ages)
        for curve, dots, values in zip(self._curves, self._dots, lines, strict=True):
            known = np.array(values or [np.nan] * len(when))
            curve.setData(when, known)
            alone = _alone(np.isfinite(when) & np.isfinite(known))
            dots.setData(when[alone], known[alone])
            dots.setVisible(bool(alone.any()))

    def _set_scale(self, scale: Scale) -> None:
        self._scale = scale
        self._box.setYRange(0, scale.top, padding=0)
        self._axis.setTicks([list(zip(scale.values, scale.labels, strict=True))])
        for line, value in zip(self._grid, scale.values, strict=True):
            line.setPos(value)

    def show_cursor(self, age: float | None) -> None:
        """Draw a line through this time, or none."""
        self._cursor.setVisible(age is not None)
        if age is not None:
            self._cursor.setPos(age)

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        age = float(self._box.mapSceneToView(self._view.mapToScene(event.position().toPoint())).x())
        self.hovered.emit(age if -SECONDS <= age <= 0 else None)

    @override
    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(None)


def _alone(known: Any) -> Any:
    """Which of these samples have neither neighbour."""
    padded = np.concatenate(([False], known, [False]))
    return known & ~padded[:-2] & ~padded[2:]
