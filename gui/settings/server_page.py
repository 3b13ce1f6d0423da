"""Every setting of the server: to search, to read and, where nothing goes before it, to change and save. GUI thread.

What is typed is a draft until Save; what is saved counts from the next start of the server on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QSortFilterProxyModel, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QTreeView, QVBoxLayout, QWidget

from gui import theme
from gui.settings.delegate import SettingDelegate
from gui.settings.editor import Editor
from gui.settings.model import SEARCHED, SettingsModel
from gui.settings.rows import Drafts, Row
from gui.tables.header import Header
from gui.widgets.basics import Button, Caption, Rule
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.settings import Settings

WIDTHS = (34, 26, 18, 24)


class ServerPage(QWidget):
    """The table over the editor of its current row.

    Signals: `save_wanted` with the changes by key, `restart_wanted`, `check_wanted` with an interpreter.
    """

    save_wanted = Signal(dict)
    restart_wanted = Signal()
    check_wanted = Signal(str)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.drafts = Drafts()
        self.model = SettingsModel(settings, self.drafts, self)
        self.proxy = QSortFilterProxyModel(self)
        self.proxy.setSourceModel(self.model)
        self.proxy.setFilterRole(SEARCHED)
        self.proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search settings"))
        self.search.setAccessibleName(tr("Search settings"))
        self.search.setClearButtonEnabled(True)
        self.table = self._table()
        self.editor = Editor()
        self.hint = Caption(wraps=True)
        self.restart = Button(tr("Restart the server now"))
        self.save = Button(tr("Save"), primary=True)
        self._lay_out()
        self._connect()
        self.restart.hide()
        self.table.setCurrentIndex(self.proxy.index(0, 0))
        self._show_changes()

    def _table(self) -> QTreeView:
        table = QTreeView()
        table.setAccessibleName(tr("Settings"))
        table.setHeader(Header(table))
        table.setItemDelegate(SettingDelegate(table))
        table.setModel(self.proxy)
        table.setRootIsDecorated(False)
        table.setUniformRowHeights(True)
        table.setFrameShape(QFrame.Shape.NoFrame)
        unit = table.fontMetrics().averageCharWidth()
        for section, width in enumerate(WIDTHS):
            table.setColumnWidth(section, width * unit)
        table.header().setStretchLastSection(True)
        return table

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(2 * theme.GRID)
        buttons.addWidget(self.hint, 1)
        for button in (self.restart, self.save):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * theme.GRID)
        column.addWidget(self.search)
        column.addWidget(self.table, 1)
        column.addWidget(Rule())
        column.addWidget(self.editor)
        column.addLayout(buttons)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._search)
        self.table.selectionModel().currentRowChanged.connect(self._show_row)
        self.editor.typed.connect(self._type)
        self.editor.check_wanted.connect(self.check_wanted)
        self.save.clicked.connect(lambda: self.save_wanted.emit(dict(self.drafts.typed)))
        self.restart.clicked.connect(self.restart_wanted)

    def current(self) -> Row | None:
        """The setting that the editor shows."""
        index = self.proxy.mapToSource(self.table.currentIndex())
        return self.model.rows[index.row()] if index.isValid() else None

    def show_saved(self, saved: Mapping[str, str]) -> None:
        """Take what the file of saved settings holds."""
        self.drafts.saved = dict(saved)
        self._show_all()

    def take_as_saved(self) -> None:
        """Say that the changes are saved, and offer to let them count."""
        self.drafts.take_as_saved()
        self.restart.show()
        self._show_all()

    def _show_all(self) -> None:
        self.model.show_drafts()
        if row := self.current():
            self.editor.show_text(self.drafts.text(row))
            self.editor.show_door(self.model.doors.get(row.key, ""))
            self.table.scrollTo(self.table.currentIndex())
        self._show_changes()

    def _search(self, text: str) -> None:
        self.proxy.setFilterFixedString(text)
        if not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.proxy.index(0, 0))
        self.table.scrollTo(self.table.currentIndex())

    def _show_row(self, _index: QModelIndex) -> None:
        row = self.current()
        self.editor.setVisible(row is not None)
        if row is not None:
            self.editor.show_row(row, self.drafts.text(row))
            self.editor.show_door(self.model.doors.get(row.key, ""))
            # Once the editor has the room that it needs.
            QTimer.singleShot(0, self.table, lambda: self.table.scrollTo(self.table.currentIndex()))

    def _type(self, text: str | None) -> None:
        if row := self.current():
            self.drafts.type(row, text)
            self._show_all()

    def _show_changes(self) -> None:
        typed = self.drafts.typed
        by_key = {row.key: row for row in self.model.rows}
        problems = [
            problem for key, text in typed.items() if text is not None and (problem := by_key[key].problem(text))
        ]
        changed = counted(len(typed), "%n change is not saved yet.", "%n changes are not saved yet.") if typed else ""
        if typed and self.model.refusal:
            problems.append(self.model.refusal)
        self.hint.setText(problems[0] if problems else changed)
        self.save.setEnabled(bool(typed) and not problems)
