"""Colours and fonts, declared once: a pair of tokens per name, the palette made of them, and who follows the desktop.

Painters ask `tokens(palette)`, so a widget is right in whichever scheme its palette has and nothing global is kept.
The GUI thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from engine.snapshots import VersionState
from gui.drawing import controls
from gui.style import Style

if TYPE_CHECKING:
    from collections.abc import Mapping

SMALL = 11.5 / 13
HALF_LIGHT = 128
GRID = 4
ROW_HEIGHT = 33
HEADER_HEIGHT = 30
BAR_HEIGHT = 48
STATUS_HEIGHT = 28
PADDING = 12
RADIUS = controls.RADIUS


@dataclass(frozen=True)
class Tokens:
    """The colours of one scheme."""

    background: QColor
    surface: QColor
    alternate: QColor
    border: QColor
    text: QColor
    dim: QColor
    accent: QColor
    on_accent: QColor
    selection: QColor
    states: Mapping[VersionState, QColor]


def _states(ready: str, busy: str, loading: str, failed: str, draining: str, idle: str) -> dict[VersionState, QColor]:
    return {
        VersionState.READY: QColor(ready),
        VersionState.BUSY: QColor(busy),
        VersionState.LOADING: QColor(loading),
        VersionState.FAILED: QColor(failed),
        VersionState.DRAINING: QColor(draining),
        VersionState.IDLE: QColor(idle),
    }


LIGHT = Tokens(
    background=QColor("#F6F7F9"),
    surface=QColor("#FFFFFF"),
    alternate=QColor("#FAFBFC"),
    border=QColor("#E2E5EA"),
    text=QColor("#1C2127"),
    dim=QColor("#66707C"),
    accent=QColor("#0B6E8F"),
    on_accent=QColor("#FFFFFF"),
    selection=QColor("#DCECF2"),
    states=_states("#1F7A3D", "#2457C5", "#9A6300", "#C0262D", "#6B3FA0", "#7A838F"),
)

DARK = Tokens(
    background=QColor("#15191E"),
    surface=QColor("#1C2127"),
    alternate=QColor("#20262D"),
    border=QColor("#303842"),
    text=QColor("#E6EAEF"),
    dim=QColor("#97A1AD"),
    accent=QColor("#4FB3D1"),
    on_accent=QColor("#10161B"),
    selection=QColor("#1F3C48"),
    states=_states("#57C27A", "#7EA6FF", "#E0A03A", "#F2777A", "#BC96EE", "#8A94A0"),
)


def tokens(palette: QPalette) -> Tokens:
    """The tokens that this palette was made of."""
    return LIGHT if palette.color(QPalette.ColorRole.Window).lightness() >= HALF_LIGHT else DARK


def palette_of(colours: Tokens) -> QPalette:
    """Qt's palette from the tokens, for every widget that Qt paints itself."""
    palette = QPalette()
    role = QPalette.ColorRole
    for place, colour in {
        role.Window: colours.background,
        role.WindowText: colours.text,
        role.Base: colours.surface,
        role.Text: colours.text,
        role.BrightText: colours.on_accent,
        role.ButtonText: colours.text,
        role.AlternateBase: colours.alternate,
        role.Button: colours.surface,
        role.PlaceholderText: colours.dim,
        role.Light: colours.surface,
        role.Midlight: colours.border,
        role.Mid: colours.border,
        role.Dark: colours.border,
        role.Shadow: colours.border,
        role.Highlight: colours.selection,
        role.HighlightedText: colours.text,
        role.Link: colours.accent,
        role.Accent: colours.accent,
        role.ToolTipBase: colours.surface,
        role.ToolTipText: colours.text,
    }.items():
        palette.setColor(place, colour)
    for place in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, place, colours.dim)
    return palette


def small(font: QFont) -> QFont:
    """The font of headers and captions."""
    smaller = QFont(font)
    smaller.setPointSizeF(font.pointSizeF() * SMALL)
    return smaller


def semibold(font: QFont) -> QFont:
    """The font of model names, states and the current tab."""
    heavier = QFont(font)
    heavier.setWeight(QFont.Weight.DemiBold)
    return heavier


def dimmed(palette: QPalette) -> QPalette:
    """The palette with captions' colour as its text."""
    quiet = QPalette(palette)
    quiet.setColor(QPalette.ColorRole.WindowText, tokens(palette).dim)
    return quiet


class Theme(QObject):
    """Gives the application its style, font and palette, and follows the desktop's colour scheme from then on."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._chosen = Qt.ColorScheme.Unknown
        if not isinstance(app.style(), Style):
            app.setStyle(Style())
        font = app.font()
        font.setFeature(QFont.Tag("tnum"), 1)
        app.setFont(font)
        app.styleHints().colorSchemeChanged.connect(self._apply)
        self._apply()

    @property
    def chosen(self) -> Qt.ColorScheme:
        """The scheme that the user picked; `Unknown` follows the desktop."""
        return self._chosen

    def choose(self, scheme: Qt.ColorScheme) -> None:
        """Use this scheme from now on; `Unknown` follows the desktop."""
        self._chosen = scheme
        self._apply()

    @Slot()
    def _apply(self) -> None:
        scheme = self._chosen
        if scheme is Qt.ColorScheme.Unknown:
            scheme = self._app.styleHints().colorScheme()
        colours = DARK if scheme is Qt.ColorScheme.Dark else LIGHT
        palette = palette_of(colours)
        self._app.setPalette(palette)
        palette.setColor(QPalette.ColorRole.Window, colours.surface)
        for kind in ("QMenuBar", "QMenu"):
            self._app.setPalette(palette, kind)  # type: ignore[arg-type]  # the stubs say bytes, Qt takes text
