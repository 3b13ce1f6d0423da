from __future__ import annotations

import asyncio
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu

from engine.errors import ConflictError
from engine.snapshots import Key, LogLine, Stream, WorkerState
from gui.dialogs.kill_worker import KillDialog, consequence
from gui.panels.details import LOG, WORKERS
from gui.panels.traceback import ago
from gui.tables.proxies import SortProxy
from gui.window import Window
from tests.gui.fakes import FakeEngine, FakeHost, a_queue, a_version, a_worker, until
from tests.gui.windows import opened, running_window

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gui.theme import Theme
    from tests.gui.fakes import Run

    Body = Callable[[Window], Awaitable[None]]
    Drive = Callable[[Body], None]

FAILED = a_worker("9001", WorkerState.FAILED, pid=None, last_death="KeyError: 1", traceback="Traceback\nKeyError: 1")
WAITING = a_worker(
    "9002", WorkerState.BACKING_OFF, pid=None, last_death="OSError: 2", traceback="Traceback\nOSError: 2"
)


@pytest.fixture
def drive(run: Run, host: FakeHost, engine: FakeEngine, theme: Theme) -> Drive:
    """Opens a window on the workers of "digits", of which some failed, lets a test use it, closes it in order."""
    engine.put(a_version(workers=(a_worker(), FAILED, WAITING), queue=a_queue(in_flight=1)))

    async def with_window(body: Body) -> None:
        async with running_window(host, theme) as window:
            window.browser.choose("digits")
            window.details.tabs.setCurrentIndex(WORKERS)
            await body(window)

    return lambda body: run(with_window(body))


def choose(dialog: QFileDialog, file: Path) -> None:
    """Type a path and accept, as somebody would."""
    dialog.findChild(QLineEdit, "fileNameEdit").setText(str(file))  # type: ignore[union-attr]  # it has one
    dialog.accept()


def select(window: Window, *workers: str) -> None:
    page = window.details.workers
    proxy = page.table.model()
    assert isinstance(proxy, SortProxy)
    page.table.clearSelection()
    for row, record in enumerate(page.model.rows):
        if record.worker.id in workers:
            index = proxy.mapFromSource(page.model.index(row, 0))
            flags = page.table.selectionModel().SelectionFlag
            page.table.selectionModel().setCurrentIndex(index, flags.Select | flags.Rows)


def test_only_what_makes_sense_can_be_done(drive: Drive) -> None:
    async def body(window: Window) -> None:
        actions = window.actions_
        all_of_them = (actions.retry_worker, actions.kill_worker, actions.worker_log, actions.copy_traceback)

        def enabled(*workers: str) -> list[bool]:
            select(window, *workers)
            return [action.isEnabled() for action in all_of_them]

        assert enabled() == [False, False, False, False]
        assert enabled("9000") == [False, True, True, False]
        assert enabled("9001") == [True, False, True, True]
        assert enabled("9000", "9001") == [True, True, False, True]
        window.details.tabs.setCurrentIndex(LOG)
        assert not any(action.isEnabled() for action in all_of_them)

    drive(body)


def test_nothing_can_be_done_while_the_server_does_not_run(drive: Drive, host: FakeHost) -> None:
    async def body(window: Window) -> None:
        select(window, "9000", "9001")
        await host.stop()
        window.show_stopping()
        assert not window.actions_.retry_worker.isEnabled()
        assert not window.actions_.kill_worker.isEnabled()

    drive(body)


def test_the_selected_failed_workers_are_retried(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        select(window, "9000", "9002")
        window.actions_.retry_worker.trigger()
        await until(lambda: bool(engine.calls))
        assert engine.calls == [("retry", "digits", "1.0", "9002")]

    drive(body)


def test_killing_asks_first_and_enter_kills_nothing(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        select(window, "9000", "9001")
        window.actions_.kill_worker.trigger()
        dialog: KillDialog = await opened(window, KillDialog)
        assert dialog.windowTitle() == "Kill worker 9000 of digits 1.0?"
        QTest.keyClick(dialog, Qt.Key.Key_Return)
        await until(lambda: not window.findChildren(KillDialog))
        assert engine.calls == []
        window.actions_.kill_worker.trigger()
        (await opened(window, KillDialog)).kill.click()
        await until(lambda: bool(engine.calls))
        assert engine.calls == [("kill", "digits", "1.0", "9000")]

    drive(body)


def test_a_refused_kill_is_told(drive: Drive, engine: FakeEngine) -> None:
    engine.error = ConflictError("Worker 9000 is gone.")

    async def body(window: Window) -> None:
        select(window, "9000")
        window.actions_.kill_worker.trigger()
        (await opened(window, KillDialog)).kill.click()
        await until(window.banner.isVisible)
        assert window.banner.text.text() == "Could not kill the worker: Worker 9000 is gone."

    drive(body)


def test_the_log_of_a_worker_opens_filtered(drive: Drive, engine: FakeEngine) -> None:
    engine.lines[Key("digits", "1.0")] = [
        LogLine(1.0, worker, Stream.STDOUT, f"from {worker}") for worker in ("9000", "9001")
    ]

    async def body(window: Window) -> None:
        select(window, "9001")
        window.actions_.worker_log.trigger()
        assert window.details.tabs.currentIndex() == LOG
        assert [row.line.text for row in window.details.log.book.shown] == ["from 9001"]
        window.details.tabs.setCurrentIndex(WORKERS)
        window.actions_.log.trigger()
        assert window.details.log.isVisible()

    drive(body)


def test_a_failure_has_a_heading_and_can_be_copied(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        page = window.details.workers
        assert not page.pane.isVisible()
        page.open_failure()
        assert page.pane.isVisible()
        assert page.pane.heading.text() == "Worker 9001 failed: KeyError: 1"
        assert page.traceback.toPlainText() == FAILED.traceback
        window.actions_.copy_traceback.trigger()
        assert QGuiApplication.clipboard().text() == FAILED.traceback
        ready = a_worker("9001", restarts=1, last_death=FAILED.last_death, traceback=FAILED.traceback)
        engine.put(a_version(workers=(a_worker(), ready)))
        window.refresher.pull()
        assert page.pane.isVisible()
        assert page.pane.heading.text() == "Worker 9001 failed and recovered: KeyError: 1"
        assert not window.grab().isNull()
        engine.put(a_version(workers=(a_worker(), a_worker("9001"))))
        window.refresher.pull()
        assert not page.pane.isVisible()

    drive(body)


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # there is no screen
def test_a_right_click_offers_the_same(drive: Drive) -> None:
    async def body(window: Window) -> None:
        table = window.details.workers.table
        select(window, "9001")
        place = table.visualRect(table.currentIndex()).center()
        click = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, table.viewport().mapToGlobal(place))
        QGuiApplication.sendEvent(table.viewport(), click)
        [menu] = [menu for menu in table.findChildren(QMenu) if menu.isVisible()]
        assert [action.text() for action in menu.actions()] == [
            "Retry worker",
            "Kill worker…",
            "Show log of this worker",
            "Copy traceback",
        ]
        menu.close()

    drive(body)


def test_shown_lines_are_saved_and_selected_ones_copied(drive: Drive, engine: FakeEngine, tmp_path: Path) -> None:
    engine.lines[Key("digits", "1.0")] = [LogLine(1.0, "9000", Stream.STDOUT, text) for text in ("one", "two")]
    file = tmp_path / "digits.log"

    async def body(window: Window) -> None:
        window.actions_.log.trigger()
        window.details.log.save.click()
        dialog: QFileDialog = await opened(window, QFileDialog)
        assert dialog.selectedFiles()[0].endswith("digits-1.0.log")
        choose(dialog, file)
        await until(window.banner.isVisible)
        assert [line.rsplit("\t", 1)[1] for line in file.read_text().splitlines()] == ["one", "two"]
        assert str(file) in window.banner.text.text()
        window.details.log.view.selectRow(1)
        window.details.log.view.copy.trigger()
        await until(lambda: QGuiApplication.clipboard().text().endswith("\ttwo\n"))

    drive(body)


def test_a_file_that_cannot_be_written_is_told(drive: Drive, engine: FakeEngine, tmp_path: Path) -> None:
    engine.lines[Key("digits", "1.0")] = [LogLine(1.0, "9000", Stream.STDOUT, "one")]
    (tmp_path / "taken").write_text("")

    async def body(window: Window) -> None:
        window.actions_.log.trigger()
        filing = window._filing
        filing._where = lambda *_: _given(tmp_path / "taken" / "x.log")  # type: ignore[method-assign]
        window.details.log.save.click()
        await until(window.banner.isVisible)
        assert window.banner.text.text().startswith("Could not save the log: ")

    drive(body)


def test_a_traceback_is_shown_from_its_last_line(drive: Drive, engine: FakeEngine) -> None:
    text = "\n".join(["Traceback", *(f"  line {number}" for number in range(60)), "KeyError: 1"])
    failed = a_worker("9001", WorkerState.FAILED, pid=None, last_death="KeyError: 1", traceback=text + "\n\n\n")
    engine.put(a_version(workers=(a_worker(), failed)))

    async def body(window: Window) -> None:
        window.resize(1000, 640)
        window.details.workers.open_failure()
        await until(window.details.workers.pane.isVisible)
        pane = window.details.workers.pane.text
        assert pane.toPlainText() == text
        await until(lambda: pane.height() >= pane.minimumHeight())
        last = pane.blockBoundingGeometry(pane.document().lastBlock()).translated(pane.contentOffset())
        assert 0 <= pane.viewport().height() - last.bottom() <= 2 * pane.fontMetrics().lineSpacing()
        table = window.details.workers.table
        assert table.viewport().height() >= 2 * table.rowHeight(0)

    drive(body)


async def _given(path: Path) -> Path:
    await asyncio.sleep(0)
    return path


def test_diagnostics_are_saved_where_one_says(drive: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARINA_HOME", str(tmp_path / "home"))
    file = tmp_path / "found.zip"

    async def body(window: Window) -> None:
        window.actions_.diagnostics.trigger()
        dialog: QFileDialog = await opened(window, QFileDialog)
        choose(dialog, file)
        await until(window.banner.isVisible)
        assert zipfile.is_zipfile(file)
        window.actions_.diagnostics.trigger()
        (await opened(window, QFileDialog)).reject()
        await until(lambda: not window.findChildren(QFileDialog))

    drive(body)


@pytest.mark.parametrize(
    ("busy", "killed", "in_flight", "said"),
    [
        ({"1"}, ["1"], 1, "1 request in flight fails. The worker starts again."),
        ({"1"}, ["1"], 3, "3 requests in flight fail. The worker starts again."),
        ({"1", "2"}, ["1"], 3, "The requests that are being worked on fail. The worker starts again."),
        ({"2"}, ["1"], 3, "No request is in flight. The worker starts again."),
        (set(), ["1", "2"], 0, "No request is in flight. 2 workers start again."),
    ],
)
def test_the_consequence_counts_what_is_known(busy: set[str], killed: list[str], in_flight: int, said: str) -> None:
    workers = tuple(a_worker(worker, busy=worker in busy) for worker in ("1", "2"))
    version = a_version(workers=workers, queue=a_queue(in_flight=in_flight))
    assert consequence(version, [worker for worker in workers if worker.id in killed]) == said


def test_a_worker_that_leaves_does_not_come_back() -> None:
    leaving = a_worker("1", WorkerState.DRAINING)
    said = consequence(a_version(workers=(leaving,)), [leaving])
    assert said == "No request is in flight. A worker that is leaving does not come back."


def test_several_workers_are_named_by_their_number(drive: Drive) -> None:
    async def body(window: Window) -> None:
        version = a_version(workers=(a_worker("1"), a_worker("2")))
        dialog = KillDialog(version, version.workers, window)
        assert dialog.windowTitle() == "Kill 2 workers of digits 1.0?"

    drive(body)


def test_how_long_ago_a_worker_failed_is_read_from_its_log(drive: Drive, engine: FakeEngine) -> None:
    now = time.time()
    engine.lines[Key("digits", "1.0")] = [
        LogLine(now - 900, "9001", Stream.MARINA, "backing off: KeyError: 1"),
        LogLine(now - 310, "9001", Stream.MARINA, "failed: KeyError: 1"),
        LogLine(now - 200, "9001", Stream.STDOUT, "KeyError: 1"),
        LogLine(now - 100, "9002", Stream.MARINA, "backing off: OSError: 2"),
    ]

    async def body(window: Window) -> None:
        window.details.workers.open_failure()
        assert window.details.workers.pane.heading.text() == "Worker 9001 failed 5 min ago: KeyError: 1"

    drive(body)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3720, "1 h 2 min ago"),
        (86400, "1 day ago"),
        (2e5, "2 days ago"),
    ],
)
def test_a_time_ago_is_said_in_words(seconds: float, said: str) -> None:
    assert ago(seconds) == said
