"""The wishes for the window itself; each counts at once. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QVBoxLayout, QWidget

from gui import theme
from gui.desktop import autostart
from gui.desktop.tray import tray_reason
from gui.drawing import places
from gui.preferences import NOTIFICATIONS, SCHEME, TRAY
from gui.widgets.basics import Caption
from gui.words import tr

if TYPE_CHECKING:
    from gui.preferences import Preferences


class WindowPage(QWidget):
    """Theme, notifications, tray, and start at login.

    Signals: `autostart_wanted` with whether Marina is to start at login.
    """

    autostart_wanted = Signal(bool)

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self.scheme = QComboBox()
        self.scheme.setAccessibleName(tr("Theme"))
        for text, scheme in (
            (tr("Follow the desktop"), Qt.ColorScheme.Unknown),
            (tr("Light"), Qt.ColorScheme.Light),
            (tr("Dark"), Qt.ColorScheme.Dark),
        ):
            self.scheme.addItem(text, scheme)
        self.notifications = QCheckBox(tr("Notify me while the window is not in front"))
        self.tray = QCheckBox(tr("Keep running in the tray when the window is closed"))
        self.autostart = QCheckBox(tr("Start Marina at login"))
        self._lay_out()
        self._show(tray_reason(), autostart.reason())
        self.scheme.activated.connect(lambda: preferences.put(SCHEME, Qt.ColorScheme(self.scheme.currentData())))
        self.notifications.clicked.connect(lambda on: preferences.put(NOTIFICATIONS, on))
        self.tray.clicked.connect(lambda on: preferences.put(TRAY, on))
        self.autostart.clicked.connect(self.autostart_wanted)

    def _lay_out(self) -> None:
        self.tray_note, self.autostart_note = Caption(wraps=True), Caption(wraps=True)
        form = QFormLayout()
        form.setHorizontalSpacing(4 * theme.GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        form.addRow(tr("Theme"), self.scheme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addLayout(form)
        notes = {
            self.notifications: Caption(tr("When a model failed, or is ready after it loaded for long."), wraps=True),
            self.tray: self.tray_note,
            self.autostart: self.autostart_note,
        }
        for box, note in notes.items():
            note.setIndent(places.box(box.fontMetrics()) + places.gap(box.fontMetrics()))
            column.addSpacing(3 * theme.GRID)
            column.addWidget(box)
            column.addWidget(note)
        column.addStretch()

    def _show(self, no_tray: str, no_autostart: str) -> None:
        self.scheme.setCurrentIndex(self.scheme.findData(self._preferences.get(SCHEME)))
        self.notifications.setChecked(self._preferences.get(NOTIFICATIONS))
        self.tray.setChecked(self._preferences.get(TRAY))
        self.tray.setEnabled(not no_tray)
        self.tray_note.setText(no_tray or tr("Models go on answering. Quit ends the server in any case."))
        self.autostart.setEnabled(not no_autostart)
        self.autostart_note.setText(no_autostart or tr("The window opens when you log in."))

    def show_autostart(self, *, on: bool) -> None:
        """Show whether Marina starts at login, as it is now."""
        self.autostart.setChecked(on)
