"""JSON as a tree whose branches are made when they are opened. The GUI thread."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from typing_extensions import override

from gui import words
from gui.tryit.reading import Number
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
BATCH = 200
LONGEST_SHOWN = 300
NAME, VALUE = range(2)
TITLES = ("Name", "Value")


@dataclass(slots=True, eq=False)
class Node:
    """One value with its place; `children` are those made so far, of as many as `size`."""

    name: str | int
    value: Any
    parent: Node | None
    row: int
    children: list[Node] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many children it has."""
        return len(self.value) if isinstance(self.value, dict | list) else 0

    def make(self, count: int) -> None:
        """Make that many more children."""
        first = len(self.children)
        last = first + count
        items: Iterable[tuple[str | int, Any]]
        if isinstance(self.value, dict):
            items = list(self.value.items())[first:last]
        else:
            items = enumerate(self.value[first:last], first)
        self.children += [Node(name, value, self, row) for row, (name, value) in enumerate(items, first)]

    @property
    def path(self) -> str:
        """How to reach it, as a JSON path: `$.scores[2]`."""
        if self.parent is None:
            return "$"
        if isinstance(self.name, int):
            return f"{self.parent.path}[{self.name}]"
        step = f".{self.name}" if self.name.isidentifier() else f"[{json.dumps(self.name, ensure_ascii=False)}]"
        return self.parent.path + step

    @property
    def words(self) -> str:
        """The value in one line."""
        if isinstance(self.value, dict):
            return words.counted(self.size, "{ } %n entry", "{ } %n entries")
        if isinstance(self.value, list):
            return words.counted(self.size, "[ ] %n item", "[ ] %n items")
        text = plain(self.value)
        return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def plain(value: Any) -> str:
    """A value as JSON text, numbers as they came."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{plain(name)}: {plain(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(plain, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class JsonTree(QAbstractItemModel):
    """The value as one top row, or its entries as rows when it has any; children come `BATCH` at a time."""

    def __init__(self, value: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._root = Node("$", value, None, 0)
        if not self._root.size:
            top = Node("$", None, None, 0)
            top.children = [self._root]
            self._root = top

    def node(self, index: Index) -> Node:
        """The node of an index."""
        found: Node = index.internalPointer() if index.isValid() else self._root
        return found

    def _size(self, node: Node) -> int:
        return node.size or len(node.children)

    @override
    def index(self, row: int, column: int, parent: Index = ROOT) -> QModelIndex:
        node = self.node(parent)
        inside = 0 <= row < len(node.children) and 0 <= column < len(TITLES) and parent.column() <= 0
        return self.createIndex(row, column, node.children[row]) if inside else QModelIndex()

    @override
    def parent(self, child: Index = ROOT) -> QModelIndex:  # type: ignore[override]  # QObject.parent() is another
        above = self.node(child).parent if child.isValid() else None
        if above is None or above is self._root:
            return QModelIndex()
        return self.createIndex(above.row, 0, above)

    @override
    def rowCount(self, parent: Index = ROOT) -> int:
        return 0 if parent.column() > 0 else len(self.node(parent).children)

    @override
    def columnCount(self, parent: Index = ROOT) -> int:
        return len(TITLES)

    @override
    def hasChildren(self, parent: Index = ROOT) -> bool:
        return parent.column() <= 0 and self._size(self.node(parent)) > 0

    @override
    def canFetchMore(self, parent: Index) -> bool:
        node = self.node(parent)
        return parent.column() <= 0 and len(node.children) < self._size(node)

    @override
    def fetchMore(self, parent: Index) -> None:
        node = self.node(parent)
        first = len(node.children)
        count = min(BATCH, self._size(node) - first)
        if count > 0 and parent.column() <= 0:
            above = ROOT if node is self._root else self.createIndex(node.row, 0, node)
            self.beginInsertRows(above, first, first + count - 1)
            node.make(count)
            self.endInsertRows()

    @override
    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(TITLES):
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return tr(TITLES[section]) if role == Qt.ItemDataRole.DisplayRole else None

    @override
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or role not in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole}:
            return None
        node = self.node(index)
        return str(node.name) if index.column() == NAME else node.words
