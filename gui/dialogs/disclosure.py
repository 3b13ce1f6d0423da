"""What is folded away until somebody asks for it. The GUI thread."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QSize, Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme
from gui.widgets.basics import Button, Label
from gui.words import tr

ARROW = 4.0
HAIR = 1.4
# How many lines are shown at once; further ones scroll.
LINES = 8
# From the left edge to the words.
GUTTER = 16


class Toggle(QToolButton):
    """A chevron and words; `isChecked` tells whether what belongs to it is unfolded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setText(text)
        self.setAccessibleName(text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @override
    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(GUTTER + metrics.horizontalAdvance(self.text()) + theme.GRID, metrics.height() + 2 * theme.GRID)

    @override
    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colours.accent if self.hasFocus() else colours.dim, HAIR))
        painter.drawPolyline(self._chevron(QPointF(ARROW + 1, self.height() / 2)))
        font = self.font()
        font.setUnderline(self.hasFocus())
        painter.setFont(font)
        painter.setPen(colours.text if self.isEnabled() else colours.dim)
        painter.drawText(self.rect().adjusted(GUTTER, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.text())
        painter.end()

    def _chevron(self, centre: QPointF) -> QPolygonF:
        half = ARROW / 2
        lying, standing = [(-ARROW, -half), (0, half), (ARROW, -half)], [(-half, -ARROW), (half, 0), (-half, ARROW)]
        return QPolygonF([centre + QPointF(x, y) for x, y in (lying if self.isChecked() else standing)])


class Disclosure(QWidget):
    """A toggle with a body under it."""

    def __init__(self, text: str, body: QWidget) -> None:
        super().__init__()
        self.toggle = Toggle(text)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.toggle)
        column.addWidget(body)
        body.hide()
        self.toggle.toggled.connect(body.setVisible)


class Lines(QScrollArea):
    """A wrapped label as high as its text, up to `LINES` lines."""

    def __init__(self, label: Label) -> None:
        super().__init__()
        self._label = label
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.viewport().setBackgroundRole(QPalette.ColorRole.Window)
        label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.setWidget(label)
        policy = self.sizePolicy()
        policy.setHeightForWidth(True)
        policy.setVerticalPolicy(QSizePolicy.Policy.Fixed)
        self.setSizePolicy(policy)

    @override
    def heightForWidth(self, width: int) -> int:
        wanted = self._label.heightForWidth(width - self.verticalScrollBar().sizeHint().width())
        return min(wanted, LINES * self._label.fontMetrics().lineSpacing())

    @override
    def sizeHint(self) -> QSize:
        return QSize(0, self.heightForWidth(self.width()))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)

    @override
    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().viewportEvent(event)


class CurlDisclosure(Disclosure):
    """The same act as curl lines, to copy."""

    def __init__(self) -> None:
        body = QWidget()
        super().__init__(tr("Show as curl"), body)
        self.line = Label(selectable=True)
        self.line.setWordWrap(True)
        self.line.setFont(theme.small(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)))
        self.copy = Button(tr("Copy"))
        self.copy.setAutoDefault(False)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.line.text()))
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        self.lines = Lines(self.line)
        # What changed while nobody saw it told nobody.
        self.toggle.toggled.connect(self.lines.updateGeometry)
        row.addWidget(self.lines, 1)
        row.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignTop)
