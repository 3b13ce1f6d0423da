"""The Copy menu of the models table: what is selected as rows, names, URLs or JSON. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu

from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtWidgets import QWidget

    from engine.snapshots import VersionSnapshot
    from gui.tables.view import TableView


def as_names(versions: Sequence[VersionSnapshot]) -> str:
    """One model's name a line, each once."""
    return "\n".join(dict.fromkeys(version.key.name for version in versions))


def as_urls(versions: Sequence[VersionSnapshot]) -> str:
    """One archive's URL a line."""
    return "\n".join(version.url for version in versions)


def as_json(versions: Sequence[VersionSnapshot]) -> str:
    """Everything that is known of the versions, as a JSON array."""
    return msgspec.json.format(msgspec.json.encode(versions), indent=2).decode()


class CopyMenu(QMenu):
    """Copies what is selected in a table; `chosen` says what that is."""

    def __init__(self, table: TableView, chosen: Callable[[], Sequence[VersionSnapshot]], parent: QWidget) -> None:
        super().__init__(tr("Copy"), parent)
        self._chosen = chosen
        # The table itself has the shortcut, for its rows alone; the menu tells of it.
        shortcut = QKeySequence(QKeySequence.StandardKey.Copy).toString()
        self.addAction(f"{tr('Rows')}\t{shortcut}").triggered.connect(table.copy_rows)
        for title, words in ((tr("Name"), as_names), (tr("URL"), as_urls), (tr("As JSON"), as_json)):
            self.addAction(title).triggered.connect(lambda _checked=False, words=words: self._copy(words))
        self.aboutToShow.connect(self._enable)

    def _enable(self) -> None:
        for action in self.actions():
            action.setEnabled(bool(self._chosen()))

    def _copy(self, words: Callable[[Sequence[VersionSnapshot]], str]) -> None:
        QGuiApplication.clipboard().setText(words(self._chosen()))
