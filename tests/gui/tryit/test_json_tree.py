from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QModelIndex
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester

from gui.tryit.json_tree import BATCH, JsonTree, plain
from gui.tryit.json_view import JsonView
from gui.tryit.reading import Number

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

REPORTING = QAbstractItemModelTester.FailureReportingMode.Fatal


def a_value(source: random.Random, depth: int = 0) -> Any:
    kind = source.randrange(6 if depth < 4 else 4)
    if kind == 4:
        return [a_value(source, depth + 1) for _ in range(source.randrange(6))]
    if kind == 5:
        return {f"k{place}": a_value(source, depth + 1) for place in range(source.randrange(6))}
    return (None, True, Number("1.50"), "text")[kind]


@pytest.mark.usefixtures("qtbot")
def test_the_tree_holds_while_branches_are_opened_in_any_order() -> None:
    source = random.Random(7)
    for _ in range(30):
        tree = JsonTree(a_value(source))
        QAbstractItemModelTester(tree, REPORTING, tree)
        seen = [QModelIndex()]
        for _ in range(60):
            parent = source.choice(seen)
            if tree.canFetchMore(parent):
                tree.fetchMore(parent)
                seen += [tree.index(row, 0, parent) for row in range(tree.rowCount(parent))]


def test_children_come_in_batches() -> None:
    tree = JsonTree(list(range(BATCH + 1)))
    assert tree.rowCount() == 0
    assert tree.hasChildren()
    tree.fetchMore(QModelIndex())
    assert tree.rowCount() == BATCH
    tree.fetchMore(QModelIndex())
    assert tree.rowCount() == BATCH + 1
    assert not tree.canFetchMore(QModelIndex())


def test_rows_say_name_and_value_and_know_their_path() -> None:
    tree = JsonTree({"a": [Number("1.50")], "odd name": "x" * 400})
    tree.fetchMore(QModelIndex())
    first, second = tree.index(0, 0), tree.index(1, 0)
    tree.fetchMore(first)
    assert tree.index(0, 1).data() == "[ ] 1 item"
    assert len(tree.index(1, 1).data()) == 301
    inner = tree.node(tree.index(0, 0, first))
    assert (inner.path, inner.words) == ("$.a[0]", "1.50")
    assert tree.node(second).path == '$["odd name"]'


def test_values_are_written_as_json_with_their_digits() -> None:
    assert plain({"a": [Number("1.50"), None, "é"]}) == '{"a": [1.50, null, "é"]}'


def test_the_view_opens_a_small_answer_and_copies(qtbot: QtBot) -> None:
    view = JsonView()
    qtbot.addWidget(view)
    view.show_value({"scores": {"seven": Number("0.97")}, "label": "seven"})
    tree = view.model()
    scores = tree.index(0, 0)
    assert view.isExpanded(scores)
    view.setCurrentIndex(tree.index(0, 0, scores))
    view.copy_path.trigger()
    assert QGuiApplication.clipboard().text() == "$.scores.seven"
    view.copy_value.trigger()
    assert QGuiApplication.clipboard().text() == "0.97"
    assert len(view.menu().actions()) == 2
    view.show_value("alone")
    assert view.model().rowCount() == 1
    view.clear()
