"""Lines over the last minutes on four grid lines: the only module that knows pyqtgraph. The GUI thread.

Importing it takes 0.3 s, which is why `gui.graphs.library` does it, in a thread. pyqtgraph has no types; what comes
from it is `Any` in here and goes no further. Of its parts only those are used that make no menus and take no mouse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg  # type: ignore[import-untyped]  # it has none
from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme
from gui.graphs.scale import INTERVALS
from gui.graphs.trace import colour_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor

    from gui.graphs.scale import Scale
    from gui.graphs.trace import Trace

LINE = 1.5
DOT = 4
# Below every line, of which there are few.
BEHIND = -100
# Half of a label stands out over the uppermost line and under the lowest.
MARGIN = 8


class Plot(QWidget):
    """Draws traces by age, which is seconds at most 0, over `span` seconds; NaN breaks a line.

    Labels take `axis_width` pixels at the left. Signals: `hovered` with the age under the pointer, or None when it has
    left.
    """

    hovered = Signal(object)

    def __init__(self, axis_width: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.traces: tuple[Trace, ...] = ()
        self.scale: Scale | None = None
        self.span = 0
        self.cursor_age: float | None = None
        self._view: Any = pg.GraphicsView(self, useOpenGL=False, background=None)
        self._view.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._box: Any = pg.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0)
        self._axis: Any = pg.AxisItem("left", linkView=self._box)
        self._grid: list[Any] = [pg.InfiniteLine(angle=0, movable=False) for _ in range(INTERVALS + 1)]
        self._curves: list[Any] = []
        # A value between two gaps makes no line; it is a dot.
        self._dots: Any = pg.ScatterPlotItem(size=DOT, pen=None, antialias=True)
        self._cursor: Any = pg.InfiniteLine(angle=90, movable=False)
        self._lay_out(axis_width)
        self._colour()

    def _lay_out(self, axis_width: int) -> None:
        for line in self._grid:
            line.setZValue(BEHIND)
        self._cursor.setZValue(1)
        for item in (*self._grid, self._dots, self._cursor):
            self._box.addItem(item, ignoreBounds=True)
        self._cursor.hide()
        self._box.disableAutoRange()
        self._axis.setStyle(tickLength=0, tickAlpha=0, tickFont=self.font())
        self._axis.setPen(None)
        self._axis.setWidth(axis_width)
        self._axis.setTicks([[]])
        inner: Any = pg.GraphicsLayout(border=None)
        inner.setContentsMargins(0, MARGIN, 0, MARGIN)
        inner.setSpacing(0)
        inner.addItem(self._axis, 0, 0)
        inner.addItem(self._box, 0, 1)
        self._view.setCentralItem(inner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)

    def show_traces(self, ages: Sequence[float], traces: Sequence[Trace], scale: Scale, span: int) -> None:
        """Draw these over the grid lines of this scale, the first one uppermost."""
        recoloured = [trace.colour for trace in traces] != [trace.colour for trace in self.traces]
        self.traces = tuple(traces)
        self._show_axes(scale, span)
        self._add_curves(len(traces))
        when = np.array(ages)
        for place, curve in enumerate(self._curves):
            curve.setVisible(place < len(traces))
            if place < len(traces):
                curve.setData(when, np.array(traces[place].values))
        self._show_dots(when)
        if recoloured:
            self._colour()

    def _show_axes(self, scale: Scale, span: int) -> None:
        if span != self.span:
            self.span = span
            self._box.setXRange(-span, 0, padding=0)
        if scale != self.scale:
            self.scale = scale
            self._box.setYRange(0, scale.top, padding=0)
            self._axis.setTicks([list(zip(scale.values, scale.labels, strict=True))])
            for line, value in zip(self._grid, scale.values, strict=True):
                line.setPos(value)

    def _add_curves(self, count: int) -> None:
        """Let there be so many curves at least; in one outline wide lines would take many times as long to paint."""
        for place in range(len(self._curves), count):
            curve: Any = pg.PlotCurveItem(antialias=True, connect="finite")
            curve.setSegmentedLineMode("on")
            curve.setZValue(-place)
            self._box.addItem(curve, ignoreBounds=True)
            self._curves.append(curve)

    def _show_dots(self, when: Any) -> None:
        colours = theme.tokens(self.palette())
        spots = [
            {"pos": (age, value), "brush": pg.mkBrush(colour_of(trace.colour, colours))}
            for trace in self.traces
            for age, value in _alone(when, np.array(trace.values))
        ]
        self._dots.setData(spots)
        self._dots.setVisible(bool(spots))

    def _colour(self) -> None:
        """Draw in the colours of the palette from now on, lines as wide on any screen."""
        colours = theme.tokens(self.palette())
        self._view.setBackground(colours.surface)
        self._axis.setTextPen(pg.mkPen(colours.dim))
        self._cursor.setPen(self._pen(colours.dim, 1))
        for line in self._grid:
            line.setPen(self._pen(colours.border, 1))
        for curve, trace in zip(self._curves, self.traces, strict=False):
            curve.setPen(self._pen(colour_of(trace.colour, colours), LINE))

    def _pen(self, colour: QColor, width: float) -> Any:
        return pg.mkPen(colour, width=width * self.devicePixelRatioF())

    def show_cursor(self, age: float | None) -> None:
        """Draw a line through this time, or none."""
        self.cursor_age = age
        self._cursor.setVisible(age is not None)
        if age is not None:
            self._cursor.setPos(age)

    def area(self) -> QRectF:
        """Where lines are drawn."""
        return QRectF(self._box.mapRectToScene(self._box.rect()))

    @override
    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        age = float(self._box.mapSceneToView(self._view.mapToScene(event.position().toPoint())).x())
        self.hovered.emit(age if -self.span <= age <= 0 else None)

    @override
    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(None)

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in {QEvent.Type.PaletteChange, QEvent.Type.DevicePixelRatioChange}:
            self._colour()


def _alone(ages: Any, values: Any) -> Any:
    """Ages and values of the samples that have neither neighbour."""
    known = np.concatenate(([False], np.isfinite(ages) & np.isfinite(values), [False]))
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    return zip(ages[alone], values[alone], strict=True)
