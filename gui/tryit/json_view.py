"""The tree of a JSON answer, with copying of paths and values. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTreeView, QWidget
from typing_extensions import override

from gui import theme
from gui.tables.header import Header
from gui.tryit.json_tree import VALUE, JsonTree, plain
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtCore import QModelIndex
    from PySide6.QtGui import QContextMenuEvent

    from gui.tryit.json_tree import Index

NAME_CHARACTERS = 34
# The rows opened at first, so that a small answer is seen whole.
OPENED = 40


class Roomy(QStyledItemDelegate):
    """Rows with air, values under their title."""

    @override
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(super().sizeHint(option, index).width(), option.fontMetrics.height() + 2 * theme.GRID)

    @override
    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.state &= ~QStyle.StateFlag.State_HasFocus
        if index.column() == VALUE:
            # An empty mark before the value brings it under its title.
            option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
            option.decorationSize = QSize(theme.GRID, 1)


class JsonView(QTreeView):
    """A tree of names and values; Ctrl+C copies the value, the menu also the path."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Answer as a tree"))
        self.setFrameShape(QTreeView.Shape.NoFrame)
        self.setUniformRowHeights(True)
        self.setItemDelegate(Roomy(self))
        self.setMinimumHeight(2 * theme.ROW_HEIGHT)
        self.setHeader(Header(self))
        self.header().setSectionsMovable(False)
        self.copy_value = QAction(tr("Copy value"), self)
        self.copy_value.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        self.copy_path = QAction(tr("Copy path"), self)
        self.copy_value.triggered.connect(lambda: self._copy(path=False))
        self.copy_path.triggered.connect(lambda: self._copy(path=True))
        self.addActions([self.copy_value, self.copy_path])
        self._tree: JsonTree | None = None

    def show_value(self, value: Any) -> None:
        """Show parsed JSON, its first levels open."""
        self.clear()
        self._tree = JsonTree(value, self)
        self.setModel(self._tree)
        self.setColumnWidth(0, NAME_CHARACTERS * self.fontMetrics().averageCharWidth())
        self.header().setStretchLastSection(True)
        self._tree.fetchMore(self.rootIndex())
        self._open_some()
        self.setCurrentIndex(self._tree.index(0, 0))

    def clear(self) -> None:
        """Let go of what is shown."""
        if self._tree is not None:
            self.setModel(None)
            self._tree.deleteLater()
            self._tree = None

    def _open_some(self) -> None:
        """Open branches from the top while they fit."""
        tree, waiting, left = self._tree, [self.rootIndex()], OPENED
        while tree is not None and waiting and left > 0:
            parent = waiting.pop(0)
            if tree.canFetchMore(parent) and not tree.rowCount(parent):
                tree.fetchMore(parent)
            rows = tree.rowCount(parent)
            left -= rows
            if left >= 0 and parent.isValid():
                self.expand(parent)
            waiting += [tree.index(row, 0, parent) for row in range(min(rows, OPENED))]

    def _copy(self, *, path: bool) -> None:
        index: QModelIndex = self.currentIndex()
        if self._tree is not None and index.isValid():
            node = self._tree.node(index)
            value = node.value if isinstance(node.value, str) else plain(node.value)
            QGuiApplication.clipboard().setText(node.path if path else str(value))

    def menu(self) -> QMenu:
        """The menu over a row."""
        menu = QMenu(self)
        menu.addActions([self.copy_value, self.copy_path])
        return menu

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.currentIndex().isValid():
            self.menu().popup(event.globalPos())
