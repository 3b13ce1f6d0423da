from __future__ import annotations

import math
import random
from itertools import count
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester

from engine.snapshots import LogLine, Stream
from gui.logs.book import BATCH, Filter, LogBook, width
from gui.logs.levels import Level
from gui.logs.model import LEVEL, ROW, TEXT, TIME, WORKER, LogModel
from gui.logs.search import found_text, neighbour
from gui.logs.text import clock, plain, plain_text, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


def a_line(text: str, worker: str = "9000", stream: Stream = Stream.STDOUT) -> LogLine:
    return LogLine(1_700_000_000.125, worker, stream, text)


def filled(lines: Iterable[LogLine], most: int = 1000) -> LogBook:
    book = LogBook(most)
    book.take(lines)
    assert not book.work(math.inf)
    return book


def texts(book: LogBook) -> list[str]:
    return [row.line.text for row in book.shown]


def test_lines_are_shown_in_their_order() -> None:
    book = filled([a_line("one"), a_line("two", "9001")])
    assert texts(book) == ["one", "two"]
    assert book.workers == {"9000", "9001"}


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Filter(), ["calm", "ERROR: bad", "odd"]),
        (Filter(least=Level.ERROR), ["ERROR: bad"]),
        (Filter(worker="9001"), ["ERROR: bad"]),
        (Filter(stream=Stream.STDERR), ["odd"]),
        (Filter(least=Level.ERROR, worker="9000"), []),
    ],
)
def test_a_filter_decides_for_old_and_new_lines(wanted: Filter, shown: list[str]) -> None:
    lines = [a_line("calm"), a_line("ERROR: bad", "9001"), a_line("odd", stream=Stream.STDERR)]
    book = filled(lines)
    book.show_only(wanted)
    assert not book.work(math.inf)
    assert texts(book) == shown
    book.take(lines)
    book.work(math.inf)
    assert texts(book) == 2 * shown


def test_what_is_shown_stays_until_every_line_was_looked_at() -> None:
    book = filled([a_line(f"line {number}") for number in range(3 * BATCH)], most=10 * BATCH)
    book.show_only(Filter(worker="9001"))
    assert book.work(0.0)
    assert len(book.shown) == 3 * BATCH
    assert not book.work(math.inf)
    assert book.shown == []


def test_work_ends_with_its_time() -> None:
    book = LogBook()
    book.take(a_line("x") for _ in range(10 * BATCH))
    ticks = count()
    assert book.work(3, lambda: next(ticks))
    assert len(book.shown) == 3 * BATCH


def test_a_search_finds_whatever_the_case_in_old_and_new_lines() -> None:
    book = filled([a_line("Digits"), a_line("none"), a_line("two digits.")])
    book.search("DIGITS.")
    book.work(math.inf)
    assert book.hits == [2]
    book.search("digits")
    book.work(math.inf)
    assert book.hits == [0, 2]
    book.take([a_line("digits again")])
    book.work(math.inf)
    assert book.hits == [0, 2, 3]
    book.search("")
    assert not book.is_behind
    assert book.hits == []


def test_a_search_looks_only_at_what_is_shown() -> None:
    book = filled([a_line("digits"), a_line("ERROR: digits")])
    book.search("digits")
    book.show_only(Filter(least=Level.ERROR))
    book.work(math.inf)
    assert book.hits == [1]
    assert book.row_of(1) == 0


def test_the_oldest_lines_go_with_their_hits() -> None:
    book = LogBook(100)
    book.search("9")
    for number in range(250):
        book.take([a_line(str(number))])
        book.work(math.inf)
    assert 98 <= len(book) <= 100
    assert texts(book)[-1] == "249"
    assert book.hits == [row.number for row in book.shown if "9" in row.line.text]


def test_clear_forgets_lines_and_keeps_filter_and_search() -> None:
    book = filled([a_line("digits")])
    book.search("digits")
    book.show_only(Filter(worker="9000"))
    book.clear()
    assert (len(book), book.shown, book.is_behind) == (0, [], False)
    book.take([a_line("digits"), a_line("digits", "9001")])
    book.work(math.inf)
    assert texts(book) == ["digits"]
    assert len(book.hits) == 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("qapp")
def test_the_model_survives_any_history(seed: int) -> None:
    dice = random.Random(seed)
    book = LogBook(60)
    model = LogModel(book)
    tester = QAbstractItemModelTester(model, FATAL)
    kept: list[LogLine] = []
    for step in range(60):
        new = [a_line(dice.choice(["ERROR: x", "calm", "DEBUG: y"]), str(dice.randint(0, 2))) for _ in range(step % 25)]
        kept += new
        book.take(new)
        if dice.random() < 0.3:
            book.show_only(Filter(dice.choice(list(Level)), dice.choice(["", "1"])))
        if dice.random() < 0.2:
            book.search(dice.choice(["", "x", "y"]))
        if dice.random() < 0.05:
            book.clear()
            kept = []
        while book.work(dice.choice([0.0, math.inf])):
            pass
        shown = [row.line for row in book.shown if book._filter.accepts(row)]
        assert shown == [row.line for row in book._rows if book._filter.accepts(row)]
        assert [row.line for row in book._rows] == kept[len(kept) - len(book) :]
        assert model.rowCount() == len(book.shown)
    assert tester is not None


@pytest.mark.usefixtures("qapp")
def test_the_model_says_everything_in_words() -> None:
    book = filled([a_line("ERROR: bad", "9001")])
    model = LogModel(book)
    row = [model.index(0, column).data() for column in (TIME, WORKER, LEVEL, TEXT)]
    assert row == [clock(1_700_000_000.125), "9001", "Error", "ERROR: bad"]
    assert model.index(0, TEXT).data(ROW) is book.shown[0]
    assert model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole).endswith("stdout")
    assert model.headerData(LEVEL, Qt.Orientation.Horizontal) == "Level"


def test_a_line_as_text_has_everything() -> None:
    line = a_line("hello", "9001", Stream.STDERR)
    assert plain(line) == f"{stamp(line.time)}\t9001\tstderr\thello"
    assert stamp(line.time)[10:23] == " " + clock(line.time)
    assert clock(line.time).endswith(".125")
    assert plain_text(filled([line, line]).shown).count("\n") == 2


@pytest.mark.parametrize(("text", "wide"), [("abc", 3), ("\tabc", 11), ("über", 8)])
def test_width_leaves_room(text: str, wide: int) -> None:
    assert width(text) == wide


@pytest.mark.parametrize(
    ("hits", "current", "said"),
    [([], None, "no hits"), ([], 3, "no hits"), ([3], None, "1 hit"), ([3, 9], 4, "2 hits"), ([3, 9], 9, "2 of 2")],
)
def test_hits_are_counted_in_words(hits: list[int], current: int | None, said: str) -> None:
    assert found_text(hits, current) == said


@pytest.mark.parametrize(
    ("start", "step", "found"), [(3, 1, 9), (9, 1, 3), (5, 1, 9), (9, -1, 3), (3, -1, 9), (-1, 1, 3)]
)
def test_the_next_hit_goes_round_at_the_ends(start: int, step: int, found: int) -> None:
    assert neighbour([3, 9], start, step) == found


def test_without_hits_there_is_no_next() -> None:
    assert neighbour([], 0, 1) is None
