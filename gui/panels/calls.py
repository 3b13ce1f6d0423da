"""The API tab: the REST calls for the selected version, each to copy as a curl line. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from gui import curl, theme
from gui.widgets.basics import Button, Caption, Label, Panel
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.snapshots import Key, VersionSnapshot
    from gui.panels.selection import Selection


def calls(version: VersionSnapshot, addresses: Mapping[str, str]) -> list[tuple[str, str]]:
    """List the calls for a version as title and curl line."""
    management = addresses.get("management", curl.MANAGEMENT)
    inference = addresses.get("inference", curl.INFERENCE)
    key: Key = version.key
    return [
        (tr("Predict"), curl.predict(inference, *key)),
        (tr("Describe"), curl.describe(management, *key)),
        (tr("Scale"), curl.scale(management, *key, version.min_workers, version.max_workers)),
        (tr("Set default"), curl.set_default(management, *key)),
        (tr("Unregister"), curl.unregister(management, *key)),
    ]


class Calls(QScrollArea):
    """One line per call: what it does, the curl line, Copy."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("REST calls"))
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self._lines: dict[str, Label] = {}
        inner = Panel()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(4 * theme.GRID)
        self._grid.setVerticalSpacing(theme.GRID)
        self._grid.setColumnStretch(2, 1)
        column = QVBoxLayout(inner)
        column.setContentsMargins(4 * theme.GRID, 3 * theme.GRID, 4 * theme.GRID, 3 * theme.GRID)
        column.addLayout(self._grid)
        column.addStretch()
        self.setWidget(inner)

    def show_selection(self, selection: Selection) -> None:
        """Show the calls for the version."""
        for title, line in calls(selection.version.snapshot, selection.addresses):
            label = self._lines.get(title) or self._add_line(title)
            if label.text() != line:
                label.setText(line)

    def _add_line(self, title: str) -> Label:
        label = Label(selectable=True)
        label.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        label.setAccessibleName(title)
        copy = Button(tr("Copy"))
        copy.setAccessibleName(tr("Copy {call} as curl").format(call=title))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(label.text()))
        row = len(self._lines)
        for column, widget in enumerate((Caption(title), copy, label)):
            self._grid.addWidget(widget, row, column)
        self._lines[title] = label
        return label
