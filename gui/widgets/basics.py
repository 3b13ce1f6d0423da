"""Buttons, rules, captions and bars in the theme's flat look, each painted from its palette. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QGuiApplication, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget
from typing_extensions import override

from engine.snapshots import VersionState
from gui import theme
from gui.drawing import controls, places
from gui.words import tr

if TYPE_CHECKING:
    from gui.theme import Tokens

TRACK = 6


class Button(QPushButton):
    """A flat push button; `primary` is the one that the eye should find."""

    def __init__(self, text: str, parent: QWidget | None = None, *, primary: bool = False) -> None:
        super().__init__(text, parent)
        self._primary = primary
        self.setAccessibleName(text)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @override
    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance(self.text()) + 2 * theme.PADDING + 8
        return QSize(width, places.control_height(metrics))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        filled = self._primary and self.isEnabled()
        edge = colours.accent if filled or self.hasFocus() else colours.border
        painter.setPen(QPen(edge, 1))
        painter.setBrush(self._ground(colours))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), theme.RADIUS, theme.RADIUS)
        painter.setPen(self._ink(colours))
        painter.setFont(theme.semibold(self.font()) if self._primary else self.font())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextShowMnemonic, self.text())
        painter.end()

    def _ground(self, colours: Tokens) -> QColor:
        ground = colours.accent if self._primary and self.isEnabled() else colours.surface
        return ground.darker(controls.HOVER) if self.isEnabled() and (self.underMouse() or self.isDown()) else ground

    def _ink(self, colours: Tokens) -> QColor:
        if not self.isEnabled():
            return colours.dim
        return colours.on_accent if self._primary else colours.text


class ActionButton(Button):
    """A button that is an action's face: same text, same tool tip, enabled with it."""

    def __init__(self, action: QAction, parent: QWidget | None = None, *, primary: bool = False) -> None:
        super().__init__(action.text(), parent, primary=primary)
        self._action = action
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setEnabled(self._action.isEnabled())
        shortcut = self._action.shortcut().toString()
        tip = self._action.text().rstrip("…")
        self.setToolTip(f"{tip} ({shortcut})" if shortcut else tip)


class Rule(QWidget):
    """One pixel of border colour, lying or standing."""

    def __init__(self, *, standing: bool = False) -> None:
        super().__init__()
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Mid)
        if standing:
            self.setFixedWidth(1)
        else:
            self.setFixedHeight(1)


class Panel(QWidget):
    """An area on a ground of its own: the surface unless another role is named."""

    def __init__(self, role: QPalette.ColorRole = QPalette.ColorRole.Base, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(role)


class Label(QLabel):
    """Plain text, whatever it holds: what archives and tracebacks say is never read as markup."""

    def __init__(self, text: str = "", parent: QWidget | None = None, *, selectable: bool = False) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )


class Caption(Label):
    """Small, dim text beside or above something."""

    def __init__(self, text: str = "", parent: QWidget | None = None, *, wraps: bool = False) -> None:
        super().__init__(text, parent)
        self.setFont(theme.small(self.font()))
        self.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.setWordWrap(wraps)


class Progress(QProgressBar):
    """A thin bar without text; the words beside it say how far it is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextVisible(False)
        self.setFixedHeight(TRACK)
        self.setAccessibleName(tr("Progress"))

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.tokens(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.border)
        track = QRectF(self.rect())
        painter.drawRoundedRect(track, TRACK / 2, TRACK / 2)
        if self.maximum() > 0:
            track.setWidth(max(0.0, track.width() * self.value() / self.maximum()))
            painter.setBrush(colours.accent)
            painter.drawRoundedRect(track, TRACK / 2, TRACK / 2)
        painter.end()


class Link(QPushButton):
    """A word to click, underlined under the mouse and with the keyboard's focus; subclasses say in which colour."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setFlat(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def is_pointed_at(self) -> bool:
        """Whether the mouse or the keyboard's focus is on it, and it can be used."""
        return self.isEnabled() and (self.underMouse() or self.hasFocus())

    def ink(self, colours: Tokens) -> QColor:
        """The colour of the word."""
        raise NotImplementedError

    @override
    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text()) + 2, metrics.height() + theme.GRID)

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = self.font()
        font.setUnderline(self.is_pointed_at)
        painter.setFont(font)
        painter.setPen(self.ink(theme.tokens(self.palette())))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        painter.end()


class CopyLink(Link):
    """A word that copies a text when it is clicked, and says that it did in its tool tip; red when it is an alarm."""

    def __init__(self, text: str, copied: str, parent: QWidget | None = None, *, alarm: bool = False) -> None:
        super().__init__(text, parent)
        self._copied = copied
        self._alarm = alarm
        self.setAccessibleName(tr("Copy {text}").format(text=copied))
        self.setToolTip(tr("Click to copy {text}").format(text=copied))
        self.clicked.connect(self._copy)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._copied)
        self.setToolTip(tr("Copied {text}").format(text=self._copied))

    @override
    def ink(self, colours: Tokens) -> QColor:
        if self._alarm:
            return colours.states[VersionState.FAILED]
        return colours.accent if self.is_pointed_at else colours.text


class ActionLink(Link):
    """An action's text as a link, enabled with it."""

    def __init__(self, action: QAction, parent: QWidget | None = None) -> None:
        super().__init__(action.text(), parent)
        self._action = action
        self.setAccessibleName(action.text())
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setEnabled(self._action.isEnabled())

    @override
    def ink(self, colours: Tokens) -> QColor:
        return colours.accent if self.isEnabled() else colours.dim
