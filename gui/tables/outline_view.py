"""The view of the models table: rows that open and close by the arrow before the name and by keys. The GUI thread.

Keys: Right opens a model or goes to its first version, Left closes it or goes from a version to its model; + - * too.
Where one reads from right to left, Left and Right change places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from typing_extensions import override

from gui.tables import columns
from gui.tables.delegates import INDENT
from gui.tables.models import OPEN
from gui.tables.view import TableView
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from gui.tables.outline import Outline

OPENING = {Qt.Key.Key_Right: True, Qt.Key.Key_Plus: True, Qt.Key.Key_Left: False, Qt.Key.Key_Minus: False}

MIRRORED = {Qt.Key.Key_Right: Qt.Key.Key_Left, Qt.Key.Key_Left: Qt.Key.Key_Right}


class OutlineView(TableView):
    """The models table."""

    def __init__(self, outline: Outline, parent: QWidget | None = None) -> None:
        super().__init__(outline, columns.MODELS, tr("Models"), parent)
        self.setObjectName("models")
        self._outline = outline

    @property
    def outline(self) -> Outline:
        """The model that this shows."""
        return self._outline

    def expand_all(self) -> None:
        """Show every model's versions."""
        self._outline.set_all_open(is_open=True)

    def collapse_all(self) -> None:
        """Show models alone; a version that was current gives way to its model."""
        current = self.currentIndex()
        if current.isValid():
            self.choose(self._outline.find(self._outline.row(current)[0]))
        self._outline.set_all_open(is_open=False)

    def is_open(self, index: QModelIndex) -> bool:
        """Whether a model's versions are shown."""
        return bool(index.data(OPEN))

    def set_open(self, index: QModelIndex, *, is_open: bool) -> None:
        """Show or hide a model's versions; a version that was current gives way to its model."""
        name = self._outline.row(index)[0]
        current = self.currentIndex()
        if not is_open and current.isValid() and self._outline.row(current)[0] == name:
            self.choose(self._outline.find(name))
        self._outline.set_open([name], is_open=is_open)

    @override
    def keyPressEvent(self, event: QKeyEvent) -> None:
        current = self.currentIndex()
        key = cast("Qt.Key", event.key())
        if self.isRightToLeft():
            key = MIRRORED.get(key, key)
        if current.isValid() and key == Qt.Key.Key_Asterisk:
            self.expand_all()
        elif current.isValid() and key in OPENING:
            self._open_or_go(current, is_open=OPENING[key])
        else:
            super().keyPressEvent(event)

    def _open_or_go(self, current: QModelIndex, *, is_open: bool) -> None:
        name, version = self._outline.row(current)
        if version is None and self.is_open(current) is not is_open:
            self.set_open(current, is_open=is_open)
        elif version is None and is_open:
            self.choose(current.sibling(current.row() + 1, columns.NAME))
        elif version is not None and not is_open:
            self.choose(self._outline.find(name))

    @override
    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._arrow_at(event.position().toPoint())
        if event.button() is Qt.MouseButton.LeftButton and index.isValid():
            self.set_open(index, is_open=not self.is_open(index))
        else:
            super().mousePressEvent(event)

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._arrow_at(event.position().toPoint()).isValid():
            self.mousePressEvent(event)
        else:
            super().mouseDoubleClickEvent(event)

    def _arrow_at(self, place: QPoint) -> QModelIndex:
        """The row whose arrow is here, invalid for none."""
        index = self.indexAt(place)
        cell = self.visualRect(index)
        into = cell.right() - place.x() if self.isRightToLeft() else place.x() - cell.left()
        on_arrow = index.column() == columns.NAME and into < INDENT
        return index if on_arrow and index.data(OPEN) is not None else QModelIndex()
