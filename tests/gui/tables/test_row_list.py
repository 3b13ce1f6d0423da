from __future__ import annotations

import random

import pytest

from gui.tables.store import RowList, runs

Row = tuple[str, int, int]


class Mirror:
    """Rebuilds the list from what it hears alone."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []
        self.list: RowList[Row] | None = None
        self.rows: list[tuple[object, ...]] = []
        self.seen: list[list[object]] = []
        self._pending: tuple[int, int] = (0, 0)

    def inserting(self, first: int, last: int) -> None:
        self.said.append(("inserting", first, last))
        self._pending = (first, last)

    def inserted(self) -> None:
        assert self.list is not None
        first, last = self._pending
        self.rows[first:first] = [self.list.cells(row) for row in range(first, last + 1)]

    def removing(self, first: int, last: int) -> None:
        self.said.append(("removing", first, last))
        self._pending = (first, last)

    def removed(self) -> None:
        first, last = self._pending
        del self.rows[first : last + 1]

    def changed(self, top: int, bottom: int, first: int, last: int) -> None:
        self.said.append(("changed", (top, bottom), (first, last)))
        assert self.list is not None
        self.seen.append([self.list.cells(row)[1] for row in range(len(self.list))])
        for row in range(top, bottom + 1):
            cells = list(self.rows[row])
            cells[first : last + 1] = self.list.cells(row)[first : last + 1]
            self.rows[row] = tuple(cells)


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


@pytest.fixture
def rows(mirror: Mirror) -> RowList[Row]:
    rows: RowList[Row] = RowList(lambda record: record, [mirror])
    mirror.list = rows
    return rows


def test_new_rows_come_in_one_run_at_the_end(rows: RowList[Row], mirror: Mirror) -> None:
    rows.apply({"a": ("a", 0, 0), "b": ("b", 0, 0)})
    rows.apply({"c": ("c", 0, 0)})
    assert mirror.said == [("inserting", 0, 1), ("inserting", 2, 2)]
    assert list(rows.keys) == ["a", "b", "c"]


def test_only_changed_columns_are_announced(rows: RowList[Row], mirror: Mirror) -> None:
    rows.apply({"a": ("a", 0, 0)})
    mirror.said.clear()
    rows.apply({"a": ("A", 0, 5)})
    assert mirror.said == [("changed", (0, 0), (0, 0)), ("changed", (0, 0), (2, 2))]


def test_neighbours_that_change_alike_are_announced_together(rows: RowList[Row], mirror: Mirror) -> None:
    rows.apply({key: (key, 0, 0) for key in "abcd"})
    mirror.said.clear()
    rows.apply({"b": ("b", 1, 1), "a": ("a", 2, 2), "d": ("d", 1, 1), "c": ("c", 0, 1)})
    assert mirror.said == [
        ("changed", (0, 1), (1, 2)),
        ("changed", (3, 3), (1, 2)),
        ("changed", (2, 2), (2, 2)),
    ]


def test_no_row_has_its_new_value_before_it_is_announced(rows: RowList[Row], mirror: Mirror) -> None:
    rows.apply({key: (key, 0, 0) for key in "abc"})
    rows.apply({"a": ("a", 1, 0), "c": ("c", 1, 0)})
    assert mirror.seen[-2:] == [[1, 0, 0], [1, 0, 1]]


def test_an_equal_record_is_silent_but_kept(rows: RowList[Row], mirror: Mirror) -> None:
    rows.apply({"a": ("a", 0, 0)})
    mirror.said.clear()
    same = ("a", 0, 0)
    rows.apply({"a": same})
    assert mirror.said == []
    assert rows.get("a") is same


def test_rows_go_in_runs_from_below(rows: RowList[Row], mirror: Mirror) -> None:
    rows.apply({key: (key, 0, 0) for key in "abcdef"})
    mirror.said.clear()
    rows.apply({}, ["b", "c", "e", "unknown"])
    assert mirror.said == [("removing", 4, 4), ("removing", 1, 2)]
    assert [rows.row(key) for key in "adf"] == [0, 1, 2]


def test_replacing_keeps_the_rows_that_stay(rows: RowList[Row], mirror: Mirror) -> None:
    rows.apply({"a": ("a", 0, 0), "b": ("b", 0, 0)})
    mirror.said.clear()
    rows.replace({"b": ("b", 0, 0), "c": ("c", 0, 0)})
    assert mirror.said == [("removing", 0, 0), ("inserting", 1, 1)]


@pytest.mark.parametrize("seed", range(20))
def test_a_listener_ends_up_with_the_same_rows(rows: RowList[Row], mirror: Mirror, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(60):
        keys = dice.sample("abcdefghij", dice.randint(0, 4))
        updates = {key: (key, dice.randint(0, 2), dice.randint(0, 2)) for key in keys}
        gone = [key for key in dice.sample("abcdefghij", dice.randint(0, 4)) if key not in updates]
        rows.apply(updates, gone)
        assert mirror.rows == [rows.cells(row) for row in range(len(rows))]
        assert [rows.row(key) for key in rows.keys] == list(range(len(rows)))


def test_numbers_fall_into_runs() -> None:
    assert runs([]) == []
    assert runs([3]) == [(3, 3)]
    assert runs([0, 1, 2, 5, 7, 8]) == [(0, 2), (5, 5), (7, 8)]
