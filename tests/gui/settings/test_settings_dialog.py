from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.settings import Settings, load, read_saved
from engine.tokens import TokenInfo, TokenKind
from gui.dialogs.asking import ask
from gui.dialogs.settings import SettingsDialog
from gui.preferences import NOTIFICATIONS, SCHEME, TRAY, Preferences
from tests.gui.fakes import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gui.theme import Theme
    from tests.gui.fakes import FakeHost, Run

    Body = Callable[[SettingsDialog], Awaitable[None]]
    Drive = Callable[..., None]


@pytest.fixture
def preferences() -> Preferences:
    return Preferences()


@pytest.fixture
def drive(
    run: Run,
    host: FakeHost,
    theme: Theme,
    preferences: Preferences,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Drive:
    """Opens the dialog in a home of its own and closes it in order."""
    assert theme is not None
    monkeypatch.setenv("MARINA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))

    async def with_dialog(body: Body, settings: Settings) -> None:
        host.settings = settings
        dialog = SettingsDialog(host, preferences)
        asking = asyncio.get_running_loop().create_task(ask(dialog))
        await until(dialog.isVisible)
        await until(lambda: not dialog._tasks._tasks)
        try:
            await body(dialog)
        finally:
            dialog.accept()
            await asking

    return lambda body, settings=None: run(with_dialog(body, settings or Settings()))


def choose(dialog: SettingsDialog, key: str) -> None:
    dialog.tabs.setCurrentIndex(1)
    row = list(Settings.declared()).index(key)
    page = dialog.server_page
    page.table.setCurrentIndex(page.proxy.mapFromSource(page.model.index(row, 0)))


def enter(dialog: SettingsDialog, key: str, text: str) -> None:
    choose(dialog, key)
    dialog.server_page.editor.line.selectAll()
    QTest.keyClicks(dialog.server_page.editor.line, text)


def test_the_windows_wishes_count_at_once(drive: Drive, preferences: Preferences) -> None:
    async def body(dialog: SettingsDialog) -> None:
        page = dialog.window_page
        page.notifications.click()
        page.scheme.setCurrentIndex(2)
        page.scheme.activated.emit(2)
        assert preferences.get(NOTIFICATIONS) is False
        assert preferences.get(SCHEME) is Qt.ColorScheme.Dark
        assert not page.tray.isEnabled()
        assert page.tray_note.text() == "This desktop has no tray."
        assert preferences.get(TRAY) is False

    drive(body)


@pytest.mark.skipif(sys.platform != "linux", reason="desktop entries")
def test_start_at_login_is_a_file_of_the_desktop(drive: Drive, tmp_path: Path) -> None:
    entry = tmp_path / "xdg" / "autostart" / "marina.desktop"

    async def body(dialog: SettingsDialog) -> None:
        box = dialog.window_page.autostart
        assert not box.isChecked()
        box.click()
        await until(entry.is_file)
        await until(lambda: not dialog._tasks._tasks)
        assert box.isChecked()
        box.click()
        await until(lambda: not entry.exists())
        await until(lambda: not dialog._tasks._tasks)
        entry.parent.rmdir()
        entry.parent.write_text("in the way", encoding="utf-8")
        box.click()
        await until(dialog.banner.isVisible)
        await until(lambda: not box.isChecked())

    drive(body)


def test_a_change_is_checked_as_it_is_typed_and_saved_for_the_next_start(drive: Drive, tmp_path: Path) -> None:
    async def body(dialog: SettingsDialog) -> None:
        page = dialog.server_page
        assert not page.save.isEnabled()
        enter(dialog, "job_queue_size", "many")
        assert "whole number" in page.editor.message.text()
        assert not page.save.isEnabled()
        enter(dialog, "job_queue_size", "250")
        assert "next time" in page.editor.message.text()
        assert page.hint.text() == "1 change is not saved yet."
        assert page.restart.isHidden()
        page.save.click()
        await until(page.restart.isVisible)
        assert read_saved(tmp_path / "saved.properties") == {"job_queue_size": "250"}
        assert not page.save.isEnabled()
        page.editor.default.click()
        page.save.click()
        await until(lambda: read_saved(tmp_path / "saved.properties") == {})

    drive(body)


def test_what_cannot_be_saved_stays_typed(drive: Drive, tmp_path: Path) -> None:
    async def body(dialog: SettingsDialog) -> None:
        enter(dialog, "model_store", "/nowhere/at/all")
        dialog.server_page.save.click()
        await until(dialog.banner.isVisible)
        assert "there is no folder" in dialog.banner.text.text()
        assert dialog.server_page.drafts.typed == {"model_store": "/nowhere/at/all"}
        assert not (tmp_path / "saved.properties").exists()

    drive(body)


def test_what_is_set_elsewhere_can_be_read_and_not_changed(drive: Drive, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    settings = load(["--model-store", str(store)], {}, tmp_path, program="marina")

    async def body(dialog: SettingsDialog) -> None:
        choose(dialog, "model_store")
        editor = dialog.server_page.editor
        assert editor.line.text() == str(store)
        assert not editor.line.isEnabled()
        assert not editor.browse.isEnabled()
        assert "--model-store" in editor.message.text()

    drive(body, settings)


def test_a_switch_is_a_choice_of_two(drive: Drive) -> None:
    async def body(dialog: SettingsDialog) -> None:
        choose(dialog, "fork_server")
        editor = dialog.server_page.editor
        assert editor.switch.isVisible()
        assert not editor.line.isVisible()
        editor.switch.setCurrentText("false")
        editor.switch.textActivated.emit("false")
        assert dialog.server_page.drafts.typed == {"fork_server": "false"}
        editor.default.click()
        assert dialog.server_page.drafts.typed == {}
        assert editor.switch.currentText() == "true"

    drive(body)


def test_the_search_finds_by_key_and_by_meaning(drive: Drive) -> None:
    async def body(dialog: SettingsDialog) -> None:
        page = dialog.server_page
        for text in ("response timeout", "time a worker has for one"):
            page.search.setText(text)
            assert "default_response_timeout" in [
                page.proxy.index(row, 0).data() for row in range(page.proxy.rowCount())
            ]
        page.search.setText("no such thing")
        assert page.proxy.rowCount() == 0
        assert page.current() is None
        assert page.editor.isHidden()
        page.search.clear()
        assert page.proxy.rowCount() == len(Settings.declared())

    drive(body)


def test_the_interpreter_is_asked(drive: Drive) -> None:
    async def body(dialog: SettingsDialog) -> None:
        enter(dialog, "worker_python", "/nowhere/python")
        dialog.server_page.editor.check.click()
        await until(lambda: "cannot be started" in dialog.banner.text.text())

    drive(body)


def test_unsaved_changes_are_named_before_they_are_dropped(drive: Drive, tmp_path: Path) -> None:
    async def body(dialog: SettingsDialog) -> None:
        enter(dialog, "job_queue_size", "250")
        dialog.reject()
        assert dialog.isVisible()
        assert dialog.banner.text.text().startswith("1 change is not saved.")
        dialog.reject()
        assert not dialog.isVisible()
        assert not (tmp_path / "saved.properties").exists()

    drive(body)


def test_a_restart_is_asked_for_after_the_dialog_is_gone(drive: Drive) -> None:
    async def body(dialog: SettingsDialog) -> None:
        wanted: list[bool] = []
        dialog.restart_wanted.connect(lambda: wanted.append(dialog.isVisible()))
        dialog.server_page.restart.click()
        assert wanted == [False]

    drive(body)


def test_what_would_not_start_cannot_be_saved(drive: Drive) -> None:
    async def body(dialog: SettingsDialog) -> None:
        page = dialog.server_page
        enter(dialog, "management_address", "http://0.0.0.0:8081")
        assert page.save.isEnabled()
        choose(dialog, "disable_token_authorization")
        page.editor.typed.emit("true")
        assert not page.save.isEnabled()
        assert "insecure_network" in page.hint.text()
        page.editor.typed.emit(None)
        assert page.save.isEnabled()

    drive(body)


def test_a_setting_that_opens_a_door_says_so_in_red(drive: Drive) -> None:
    async def body(dialog: SettingsDialog) -> None:
        enter(dialog, "allowed_hosts", "*")
        editor = dialog.server_page.editor
        assert editor.alarm.isVisible()
        assert "web pages" in editor.alarm.text()
        choose(dialog, "job_queue_size")
        assert not editor.alarm.isVisible()

    drive(body)


@pytest.mark.parametrize("key", ["certificate_file", "private_key_file", "metrics_config", "model_store"])
def test_files_and_folders_can_be_browsed_for(drive: Drive, key: str) -> None:
    async def body(dialog: SettingsDialog) -> None:
        choose(dialog, key)
        assert dialog.server_page.editor.browse.isVisible()

    drive(body)


def test_pages_with_little_on_them_are_low(drive: Drive) -> None:
    async def body(dialog: SettingsDialog) -> None:
        low = dialog.height()
        dialog.tabs.setCurrentIndex(1)
        assert dialog.height() > low + 200
        dialog.tabs.setCurrentIndex(2)
        assert dialog.height() < low + 100

    drive(body)


def test_a_token_is_renewed_from_the_dialog(drive: Drive, host: FakeHost) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=5)
    host.known = (TokenInfo(TokenKind.INFERENCE, "old", soon), TokenInfo(None, "renewing"))

    async def body(dialog: SettingsDialog) -> None:
        dialog.tabs.setCurrentIndex(2)
        row = dialog.access_page.rows[TokenKind.INFERENCE]
        row.renew.click()
        await until(lambda: row.field.text() == "fresh-inference")
        assert "Programs that use the old token" in dialog.banner.text.text()

    drive(body)
