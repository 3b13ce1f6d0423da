from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.errors import ModelNotFoundError
from engine.snapshots import Key, LogLine, LogLines, Stream
from gui.logs.delegate import MOST_SHOWN, shown_text
from gui.logs.model import TEXT
from gui.panels.log import LINES, NO_RESULT, NOTHING, Log
from gui.panels.selection import Selection
from gui.tables.records import ModelRecord, VersionRecord
from tests.gui.fakes import FakeEngine, a_version, a_worker

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.theme import Theme

KEY = Key("digits", "1.0")


def chosen(version: str = "1.0", **changed: Any) -> Selection:
    record = VersionRecord(a_version("digits", version, **changed))
    return Selection(ModelRecord("digits", (record,)), record, {})


def a_line(text: str, worker: str = "9000", stream: Stream = Stream.STDOUT) -> LogLine:
    return LogLine(1_700_000_000.0, worker, stream, text)


class PrintingEngine(FakeEngine):
    """Answers with its lines, or with `answer` when there is one."""

    answer: LogLines | ModelNotFoundError | None = None

    def log(self, name: str, version: str, since: int = 0) -> LogLines:
        if isinstance(self.answer, ModelNotFoundError):
            raise self.answer
        return self.answer or super().log(name, version, since)


@pytest.fixture
def engine() -> PrintingEngine:
    return PrintingEngine()


@pytest.fixture
def page(qtbot: QtBot, theme: Theme, engine: PrintingEngine) -> Log:
    assert theme is not None
    shown = Log(engine)
    qtbot.addWidget(shown)
    shown.resize(1000, 300)
    shown.show()
    shown._poll_timer.stop()
    return shown


def fill(page: Log, engine: PrintingEngine, *lines: LogLine) -> None:
    engine.lines.setdefault(KEY, []).extend(lines)
    page.show_selection(chosen())
    look(page)


def look(page: Log) -> None:
    page.poll()
    while page.book.is_behind:
        page._work()


def texts(page: Log) -> list[str]:
    return [row.line.text for row in page.book.shown]


def test_a_silent_version_says_that_nothing_was_printed(page: Log) -> None:
    page.show_selection(chosen())
    assert page._stack.currentIndex() == NOTHING
    assert page.nothing.text() == "Nothing printed yet"
    assert not page.save.isEnabled()
    assert not page.clear.isEnabled()


def test_lines_come_and_the_newest_is_in_view(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, *(a_line(f"line {number}") for number in range(200)))
    assert page._stack.currentIndex() == LINES
    bar = page.view.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    engine.lines[KEY].append(a_line("newest"))
    look(page)
    assert bar.value() == bar.maximum()
    assert len(texts(page)) == 201
    assert not page.grab().isNull()


def test_scrolling_up_ends_following_and_the_button_returns(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, *(a_line(f"line {number}") for number in range(200)))
    page.view.verticalScrollBar().setValue(20)
    assert not page.follow.isChecked()
    assert page.view.newest.isVisible()
    engine.lines[KEY] += [a_line("one"), a_line("two")]
    look(page)
    assert page.view.verticalScrollBar().value() == 20
    assert page.view.newest.text() == "↓ 2 new lines"
    page.view.newest.click()
    assert page.follow.isChecked()
    assert not page.view.newest.isVisible()
    assert page.view.verticalScrollBar().value() == page.view.verticalScrollBar().maximum()


def test_what_one_reads_stays_when_the_oldest_lines_go(page: Log, engine: PrintingEngine) -> None:
    page.book._most = 200
    fill(page, engine, *(a_line(f"line {number}") for number in range(200)))
    page.view.verticalScrollBar().setValue(100)
    first = page.view.first_in_view()
    engine.lines[KEY] += [a_line(f"more {number}") for number in range(40)]
    look(page)
    assert len(page.book) < 240
    assert page.view.first_in_view() == first
    assert not page.view.follows


def test_the_follow_box_follows_and_stops(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, *(a_line(f"line {number}") for number in range(200)))
    page.follow.click()
    value = page.view.verticalScrollBar().value()
    engine.lines[KEY].append(a_line("newest"))
    look(page)
    assert page.view.verticalScrollBar().value() == value
    page.follow.click()
    assert page.view.verticalScrollBar().value() == page.view.verticalScrollBar().maximum()


def test_filters_hide_lines_and_say_when_none_is_left(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("calm"), a_line("ERROR: bad", "9001"), a_line("odd", stream=Stream.STDERR))
    page.filters.level.setCurrentIndex(3)
    assert texts(page) == ["ERROR: bad"]
    page.filters.stream.setCurrentIndex(2)
    assert page._stack.currentIndex() == NO_RESULT
    page.show_all.click()
    assert texts(page) == ["calm", "ERROR: bad", "odd"]
    assert page._stack.currentIndex() == LINES


def test_workers_can_be_chosen_though_they_are_gone(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("one"), a_line("two", "8999"))
    page.show_selection(chosen(workers=(a_worker(), a_worker("9001"))))
    box = page.filters.worker
    assert [box.itemText(at) for at in range(box.count())] == ["All workers", "8999 (gone)", "9000", "9001"]
    page.show_worker("8999")
    assert texts(page) == ["two"]
    page.show_selection(chosen(workers=(a_worker("8999"),)))
    assert box.currentText() == "8999"
    assert texts(page) == ["two"]


def test_a_worker_that_printed_nothing_can_be_asked_for(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("one"))
    page.show_worker("9007")
    assert page.filters.choice.worker == "9007"
    assert page._stack.currentIndex() == NO_RESULT


def test_enter_and_f3_go_from_hit_to_hit(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, *(a_line(f"line {number}") for number in range(100)))
    QTest.keyClicks(page.search.field, "LINE 3")
    assert page.search.found.text() == "11 hits"
    page.view.go_to(0)
    QTest.keyClick(page.search.field, Qt.Key.Key_Return)
    assert page.search.found.text() == "1 of 11"
    assert page.view.current_number() == 3
    assert not page.follow.isChecked()
    QTest.keyClick(page.search.field, Qt.Key.Key_Return)
    assert page.view.current_number() == 30
    QTest.keyClick(page.search.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert page.view.current_number() == 3
    page.search.back.click()
    assert page.search.found.text() == "11 of 11"
    page.search.on.click()
    assert page.search.found.text() == "1 of 11"
    assert not page.view.grab().isNull()
    QTest.keyClick(page.search.field, Qt.Key.Key_Escape)
    assert page.search.field.text() == ""
    assert page.search.found.isHidden()


def test_a_search_without_hits_says_so(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("one"))
    page.search.field.setText("two")
    assert page.search.found.text() == "no hits"
    assert not page.search.on.isEnabled()
    page._move(1)
    assert page.view.current_number() is None


def test_a_hit_far_to_the_right_is_brought_into_view(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("x" * 600 + "needle"), a_line("needle"))
    page.search.field.setText("needle")
    page._move(1)
    assert page.view.horizontalScrollBar().value() > 0
    page._move(1)
    assert page.view.horizontalScrollBar().value() == 0


def test_wrapping_makes_long_lines_higher_and_nothing_wider(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("short"), a_line("word " * 100))
    low = page.view.rowHeight(0)
    assert page.view.horizontalScrollBar().maximum() > 0
    page.wrap.setChecked(True)
    assert page.view.rowHeight(0) == low
    assert page.view.rowHeight(1) > 2 * low
    assert page.view.columnWidth(TEXT) < page.view.viewport().width()
    assert not page.view.grab().isNull()
    page.wrap.setChecked(False)
    assert page.view.rowHeight(1) == low


def test_a_very_long_line_is_cut_on_the_screen_alone(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("x" * 8000))
    [row] = page.book.shown
    assert shown_text(row) == "x" * MOST_SHOWN + f"… ({8000 - MOST_SHOWN} more characters)"
    assert page.view.lines.index(0, TEXT).data() == "x" * 8000


def test_clear_empties_the_view_and_new_lines_come(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("one"))
    page.clear.click()
    assert page._stack.currentIndex() == NOTHING
    assert page.nothing.text() == "Nothing printed since the view was cleared"
    engine.lines[KEY].append(a_line("two"))
    look(page)
    assert texts(page) == ["two"]


def test_selected_lines_are_asked_to_be_copied_and_shown_ones_to_be_saved(
    page: Log, engine: PrintingEngine, qtbot: QtBot
) -> None:
    fill(page, engine, a_line("one"), a_line("two"), a_line("ERROR: three"))
    page.view.selectRow(1)
    with qtbot.waitSignal(page.copy_asked) as copied:
        page.view.copy.trigger()
    assert copied.args == [[page.book.shown[1]]]
    page.filters.level.setCurrentIndex(3)
    with qtbot.waitSignal(page.save_asked) as saved:
        page.save.click()
    assert saved.args == [KEY, page.book.shown]


def test_another_version_has_its_own_lines(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("one"))
    page.show_worker("9000")
    engine.lines[Key("digits", "2.0")] = [a_line("other", "9005")]
    page.show_selection(chosen("2.0"))
    assert texts(page) == ["other"]
    assert page.filters.choice.worker == ""


def test_a_version_registered_anew_begins_anew(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("one"), a_line("two"))
    engine.answer = LogLines(1, (a_line("new"),))
    look(page)
    assert texts(page) == ["new"]


def test_lines_that_came_and_went_between_two_looks_are_told(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("one"))
    engine.answer = LogLines(10, (a_line("nine"),))
    look(page)
    assert texts(page) == ["one", "8 lines are left out here; model_log.log has them", "nine"]


def test_a_version_that_was_unregistered_leaves_its_lines(page: Log, engine: PrintingEngine) -> None:
    fill(page, engine, a_line("one"))
    engine.answer = ModelNotFoundError("digits")
    look(page)
    assert texts(page) == ["one"]


def test_the_page_looks_only_while_it_is_shown(page: Log) -> None:
    page.hide()
    assert not page._poll_timer.isActive()
    page.show()
    assert page._poll_timer.isActive()


def test_every_control_has_a_name(page: Log) -> None:
    controls = (page.search.field, page.search.back, page.search.on, page.filters.worker, page.filters.level, page.view)
    assert all(control.accessibleName() for control in (*controls, page.filters.stream, page.clear, page.save))


def test_progress_is_shown_while_it_moves_and_goes_when_its_line_ends(page: Log, engine: PrintingEngine) -> None:
    engine.unfinished[KEY] = [a_line(" 45%|####", "9000"), a_line("loading", "9001")]
    page.show_selection(chosen())
    assert page.unfinished.isVisible()
    assert page.unfinished.text() == "9000   45%|####\n9001  loading"
    engine.unfinished[KEY] = []
    engine.lines[KEY] = [a_line("100%|##########|")]
    page.poll()
    assert not page.unfinished.isVisible()
