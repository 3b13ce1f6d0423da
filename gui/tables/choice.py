"""Which columns a table shows, where and how wide: chosen in a menu, saved and restored. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QByteArray, QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHeaderView, QMenu

from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gui.tables.columns import Column

VERSION = 1


class Saved(msgspec.Struct, frozen=True):
    """What `ColumnChoice.save` writes; `titles` tell for which columns `header`, Qt's own record, was made."""

    version: int
    titles: tuple[str, ...]
    header: bytes


class ColumnChoice(QObject):
    """The columns of one header; the first, which names the row, is always shown."""

    def __init__(self, header: QHeaderView, columns: Sequence[Column], unit: int) -> None:
        """Columns begin as they are declared; `unit` is how many pixels a width of 1 has."""
        super().__init__(header)
        self._header = header
        self._columns = columns
        self._unit = unit
        self.reset()

    @property
    def titles(self) -> tuple[str, ...]:
        """What each column is called in the menu."""
        return tuple(column.name or column.title for column in self._columns)

    def reset(self) -> None:
        """Show the columns as they are declared: order, widths and which."""
        for section, column in enumerate(self._columns):
            self._header.moveSection(self._header.visualIndex(section), section)
            self._header.setSectionHidden(section, column.hidden)
            self._header.resizeSection(section, column.width * self._unit)
            if column.stretches:
                self._header.setSectionResizeMode(section, QHeaderView.ResizeMode.Stretch)

    def show(self, section: int, *, shown: bool) -> None:
        """Show or hide one column."""
        self._header.setSectionHidden(section, not shown)

    def fill(self, menu: QMenu) -> None:
        """Offer every column but the first to be shown or hidden, and all of them to be reset."""
        menu.clear()
        for section, title in enumerate(self.titles):
            if section:
                self._offer(menu, section, title)
        menu.addSeparator()
        menu.addAction(tr("Reset columns")).triggered.connect(self.reset)

    def _offer(self, menu: QMenu, section: int, title: str) -> None:
        action = QAction(tr(title), menu)
        action.setCheckable(True)
        action.setChecked(not self._header.isSectionHidden(section))
        action.toggled.connect(lambda shown: self.show(section, shown=shown))
        menu.addAction(action)

    def save(self) -> bytes:
        """Everything about the columns, for `restore`."""
        return msgspec.msgpack.encode(Saved(VERSION, self.titles, bytes(self._header.saveState().data())))

    def restore(self, state: bytes) -> None:
        """Show what was saved; what is no record of these columns is ignored."""
        try:
            saved = msgspec.msgpack.decode(state, type=Saved)
        except msgspec.DecodeError:
            return
        if (saved.version, saved.titles) != (VERSION, self.titles):
            return
        self._header.restoreState(QByteArray(saved.header))
        self._header.setSectionHidden(0, False)  # noqa: FBT003 - Qt's signature
        self._header.sortIndicatorChanged.emit(self._header.sortIndicatorSection(), self._header.sortIndicatorOrder())
