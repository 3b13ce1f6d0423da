from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMenu

from engine.errors import ArchiveNotFoundError
from engine.snapshots import Key, VersionState, WorkerState
from gui.dialogs.about import AboutDialog
from gui.dialogs.make_archive import MakeArchiveDialog
from gui.dialogs.register import RegisterDialog
from gui.dialogs.scale import ScaleDialog
from gui.dialogs.set_default import SetDefaultDialog
from gui.dialogs.unregister import UnregisterDialog
from gui.panels.browser import EMPTY, NO_RESULT, TABLE
from gui.panels.details import WORKERS
from gui.theme import Theme
from gui.widgets.basics import CopyLink
from gui.window import Window
from tests.gui.fakes import FakeEngine, FakeHost, a_queue, a_version, a_worker, until
from tests.gui.windows import opened, running_window

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.gui.fakes import Run

    Body = Callable[[Window], Awaitable[None]]
    Drive = Callable[[Body], None]

FAILED = a_worker(
    state=WorkerState.FAILED,
    last_death="ModuleNotFoundError: cv2",
    traceback="Traceback\n<img src=x>\nModuleNotFoundError: cv2",
)


@pytest.fixture
def drive(run: Run, host: FakeHost, theme: Theme) -> Drive:
    """Opens a running window, lets a test use it, and closes it in order."""

    async def with_window(body: Body) -> None:
        async with running_window(host, theme) as window:
            await body(window)

    return lambda body: run(with_window(body))


def dropped(*urls: str) -> QDropEvent:
    mime = QMimeData()
    mime.setUrls([QUrl(url) for url in urls])
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.kept = mime  # type: ignore[attr-defined]  # Qt does not own it
    return event


def test_the_first_run_is_a_drop_zone(drive: Drive) -> None:
    async def body(window: Window) -> None:
        assert window.browser.currentIndex() == EMPTY
        assert not window.details.isVisible()
        assert not window.actions_.scale.isEnabled()

    drive(body)


def test_models_appear_where_the_drop_zone_was(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        engine.put(a_version(), a_version("denoiser", "0.9", queue=a_queue(pending=4)))
        await until(lambda: window.browser.currentIndex() == TABLE)
        assert window.sidebar.filters.item(0).text() == "All models"
        assert "4 queued" in window.status.totals.text()
        assert "2 workers" in window.status.totals.text()

    drive(body)


def test_a_drop_opens_the_filled_dialog_and_registers_only_when_accepted(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        window.dropEvent(dropped("file:///downloads/digits.mar"))
        dialog: RegisterDialog = await opened(window, RegisterDialog)
        await until(dialog.accept_button.isEnabled)
        assert dialog.name.text() == "digits"
        assert [call[0] for call in engine.calls] == ["add_to_store", "inspect"]
        dialog.accept_button.click()
        await until(lambda: engine.calls[-1][0] == "register")
        await until(lambda: window.browser.current() is not None)
        assert window.details.title.name.text() == "digits"

    drive(body)


def test_several_archives_are_asked_for_one_after_another(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        window.dropEvent(dropped("file:///a/one.mar", "file:///a/two.mar"))
        first: RegisterDialog = await opened(window, RegisterDialog)
        assert len(window.findChildren(RegisterDialog)) == 1
        first.reject()
        await until(lambda: ("add_to_store", Path("/a/two.mar")) in engine.calls)
        (await opened(window, RegisterDialog)).reject()

    drive(body)


def test_what_is_no_archive_is_refused_in_the_banner(drive: Drive, engine: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()

    async def body(window: Window) -> None:
        window.dropEvent(dropped((tmp_path / "notes.txt").as_uri(), "ftp://models.example/digits.mar"))
        await until(window.banner.isVisible)
        assert len(window.banner.text.text().splitlines()) == 2
        window.banner.copy.click()
        assert QGuiApplication.clipboard().text() == window.banner.text.text()
        QTest.keyClick(window.banner, Qt.Key.Key_Escape)
        assert not window.banner.isVisible()
        assert engine.calls == [("plan_archive", tmp_path / "notes.txt")]

    drive(body)


def test_a_dropped_folder_becomes_an_archive_that_is_offered_for_registration(
    drive: Drive, engine: FakeEngine, tmp_path: Path
) -> None:
    for name in ("net.onnx", "handler.py"):
        (tmp_path / name).touch()

    async def body(window: Window) -> None:
        window.dropEvent(dropped(tmp_path.as_uri()))
        making: MakeArchiveDialog = await opened(window, MakeArchiveDialog)
        making.name.setText("net")
        await until(making.accept_button.isEnabled)
        making.accept_button.click()
        await opened(window, RegisterDialog)
        await until(lambda: ("add_to_store", Path("/store/net.mar")) in engine.calls)
        assert "register" not in [call[0] for call in engine.calls]

    drive(body)


def test_a_dropped_address_opens_the_register_dialog(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        window.dropEvent(dropped("https://models.example/digits.mar"))
        dialog: RegisterDialog = await opened(window, RegisterDialog)
        assert "https://models.example/digits.mar" in [line.text() for line in dialog.findChildren(QLineEdit)]
        assert engine.calls == []

    drive(body)


def test_an_archive_held_over_the_window_is_welcomed(drive: Drive) -> None:
    async def body(window: Window) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl("file:///a/one.mar")])
        enter = QDragEnterEvent(
            QPoint(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        window.dragEnterEvent(enter)
        assert enter.isAccepted()
        assert window._veil.isVisible()
        assert not window.grab().isNull()
        window.dragLeaveEvent(QDragLeaveEvent())
        assert not window._veil.isVisible()

    drive(body)


def test_the_filter_hides_and_offers_to_clear(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version(), a_version("denoiser", "0.9"))

    async def body(window: Window) -> None:
        window.bar.filter.setText("den")
        assert window.bar.found.text() == "1 of 2"
        window.bar.filter.setText("nothing")
        assert window.browser.currentIndex() == NO_RESULT
        assert "“nothing”" in window.browser.no_result.text.text()
        window.actions_.clear_filter.trigger()
        assert window.browser.currentIndex() == TABLE
        window.sidebar.filters.setCurrentRow(window.sidebar.filters._states.index(VersionState.FAILED))
        assert window.browser.currentIndex() == NO_RESULT
        QTest.keyClick(window.bar.filter, Qt.Key.Key_Escape)
        window.actions_.clear_filter.trigger()
        assert window.bar.found.text() == ""

    drive(body)


def test_selection_and_open_rows_survive_the_filter(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version(), a_version(version="2.0"), a_version("denoiser"), a_version("denoiser", "2.0"))

    async def body(window: Window) -> None:
        browser, table = window.browser, window.browser.table
        browser.choose("digits", "2.0")
        table.set_open(browser.model.find("denoiser"), is_open=False)
        window.bar.filter.setText("nothing")
        assert browser.current() is None
        assert not window.actions_.scale.isEnabled()
        window.clear_filter()
        assert window.details.title.version.text() == "version 2.0"
        assert table.is_open(browser.model.find("digits"))
        assert not table.is_open(browser.model.find("denoiser"))

    drive(body)


def test_a_failed_version_opens_its_traceback_as_plain_text(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version("signs", state=VersionState.FAILED, workers=(a_worker("8999"), FAILED)))

    async def body(window: Window) -> None:
        window.browser.choose("signs")
        window.details.tabs.setCurrentIndex(0)
        state = window.browser.model.index(0, 1)
        QTest.mouseClick(
            window.browser.table.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            window.browser.table.visualRect(state).center(),
        )
        assert window.details.tabs.currentIndex() == WORKERS
        assert window.details.workers.traceback.isVisible()
        assert window.details.workers.traceback.toPlainText() == FAILED.traceback

    drive(body)


def test_failed_workers_are_retried_at_once_and_the_others_left_alone(drive: Drive, engine: FakeEngine) -> None:
    waiting = a_worker("9002", WorkerState.BACKING_OFF)
    workers = (a_worker(), FAILED, waiting)
    engine.put(a_version("digits"), a_version("signs", state=VersionState.FAILED, workers=workers))

    async def body(window: Window) -> None:
        retry = window.actions_.retry
        window.browser.choose("digits")
        assert not retry.isEnabled()
        window.browser.choose("signs")
        assert retry.isEnabled()
        retry.trigger()
        await asyncio.sleep(0)
        assert engine.calls == [("retry", "signs", "1.0", FAILED.id), ("retry", "signs", "1.0", "9002")]
        engine.put(a_version("signs", workers=(a_worker(),)))
        window.refresher.pull()
        assert not retry.isEnabled()

    drive(body)


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # there is no screen
def test_a_right_click_on_a_row_offers_what_can_be_done_with_it(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version("digits"))

    async def body(window: Window) -> None:
        window.browser.choose("digits")
        viewport = window.browser.table.viewport()
        place = window.browser.table.visualRect(window.browser.model.index(0, 0)).center()
        click = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, viewport.mapToGlobal(place))
        QGuiApplication.sendEvent(viewport, click)
        [menu] = [menu for menu in window.browser.table.findChildren(QMenu) if menu.isVisible()]
        assert [action.text() for action in menu.actions()] == [
            "Scale…",
            "Set default…",
            "Unregister…",
            "Retry failed workers",
            "Copy",
        ]
        menu.close()

    drive(body)


def test_every_tab_shows_the_selected_version(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version(), a_version(version="2.0", is_default=False, queue=a_queue(accepted=5)))

    async def body(window: Window) -> None:
        window.browser.table.choose(window.browser.model.find("digits", "2.0"))
        assert window.details.title.version.text() == "version 2.0"
        for tab in range(window.details.tabs.count()):
            window.details.tabs.setCurrentIndex(tab)
            assert not window.grab().isNull()
        assert window.details.overview._values["Handler"].text() == "image_classifier"
        assert window.details.queues.model.rowCount() == 2
        assert window.details.workers.model.rowCount() == 1
        assert "/predictions/digits/2.0" in window.details.calls._lines["Predict"].text()

    drive(body)


def test_each_action_opens_its_dialog(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version(), a_version(version="2.0", is_default=False))

    async def body(window: Window) -> None:
        window.browser.table.choose(window.browser.model.find("digits", "2.0"))
        actions = window.actions_
        for action, kind in (
            (actions.register, RegisterDialog),
            (actions.make_archive, MakeArchiveDialog),
            (actions.scale, ScaleDialog),
            (actions.set_default, SetDefaultDialog),
            (actions.unregister, UnregisterDialog),
            (actions.about, AboutDialog),
        ):
            action.trigger()
            dialog = await opened(window, kind)
            dialog.reject()
            await until(lambda kind=kind: not window.findChildren(kind))  # type: ignore[misc]  # bound at once

    drive(body)


def test_unregistering_a_model_asks_once_and_takes_the_default_last(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version(), a_version(version="2.0", is_default=False))

    async def body(window: Window) -> None:
        window.browser.choose("digits")
        window.actions_.unregister.trigger()
        (await opened(window, UnregisterDialog)).accept_button.click()
        await until(lambda: window.browser.currentIndex() == EMPTY)
        assert engine.calls == [("unregister", "digits", "2.0"), ("unregister", "digits", "1.0")]

    drive(body)


def test_the_sample_is_copied_and_registered_with_one_worker(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        window.actions_.sample.trigger()
        await until(lambda: Key("digits", "1.0") in engine.versions)
        assert [call[0] for call in engine.calls] == ["add_to_store", "inspect", "register"]

    drive(body)


def test_an_act_without_a_dialog_fails_into_the_banner(drive: Drive, engine: FakeEngine) -> None:
    engine.error = ArchiveNotFoundError("digits.mar is not there.")

    async def body(window: Window) -> None:
        window.actions_.sample.trigger()
        await until(window.banner.isVisible)
        assert window.banner.text.text() == "Could not load the sample: digits.mar is not there."

    drive(body)


def test_calls_and_addresses_are_copied(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version())

    async def body(window: Window) -> None:
        window.browser.choose("digits")
        window._commands.fill_calls(window._curl_menu)
        window._curl_menu.actions()[1].trigger()
        assert QGuiApplication.clipboard().text() == "curl http://127.0.0.1:8081/models/digits/1.0"

    drive(body)


def test_a_hidden_window_rests_and_wakes_up_to_date(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        window.hide()
        engine.put(a_version())
        assert len(window.catalog.models) == 0
        window.show()
        assert len(window.catalog.models) == 1

    drive(body)


def test_closing_only_announces(drive: Drive) -> None:
    async def body(window: Window) -> None:
        said: list[int] = []
        window.closing.connect(lambda: said.append(1))
        window.close()
        assert window.isVisible()
        assert said == [1]
        window.show_stopping()
        assert window.status.state.text() == "Stopping…"
        assert not window.actions_.register.isEnabled()

    drive(body)


def test_every_control_has_a_name_for_those_who_listen(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version())

    async def body(window: Window) -> None:
        for widget in (window.browser.table, window.bar.filter, window.sidebar.filters, window.details.tabs):
            assert widget.accessibleName()

    drive(body)


def test_open_doors_are_told_in_red_at_the_start_and_stay_in_the_status_line(drive: Drive, host: FakeHost) -> None:
    host.settings = replace(host.settings, allowed_hosts=("*",))

    async def body(window: Window) -> None:
        assert "allowed_hosts" in window.banner.text.text()
        (link,) = [one for one in window.status.findChildren(CopyLink) if "open door" in one.text()]
        link.click()
        assert "allowed_hosts" in QGuiApplication.clipboard().text()

    drive(body)


def test_what_the_engine_has_to_tell_of_its_start_is_shown(drive: Drive, engine: FakeEngine) -> None:
    engine.told = ("The models of the last run (2) are left out this once.",)

    async def body(window: Window) -> None:
        assert window.banner.text.text() == engine.told[0]

    drive(body)
