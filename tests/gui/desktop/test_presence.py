from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPalette

from engine.snapshots import Key, VersionState
from gui.desktop import happenings, presence
from gui.desktop import notices as notices_module
from gui.desktop.notices import Notices
from gui.preferences import NOTIFICATIONS, SCHEME, TRAY, TRAY_EXPLAINED, Preferences
from gui.tables.records import ModelRecord, VersionRecord
from gui.window import Window
from tests.gui.fakes import FakeEngine, FakeHost, a_version, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from gui.desktop.happenings import Happening, Looks
    from gui.theme import Theme
    from tests.gui.fakes import Run

    Body = Callable[[Window, list[tuple[str, str]]], Awaitable[None]]
    Drive = Callable[[Preferences, Body], None]


@pytest.fixture
def drive(run: Run, host: FakeHost, theme: Theme, monkeypatch: pytest.MonkeyPatch) -> Drive:
    """Opens a window on a desktop that has a tray; what the tray is told comes beside it."""
    monkeypatch.setattr(presence, "tray_reason", lambda: "")

    async def with_window(preferences: Preferences, body: Body) -> None:
        await host.start()
        window = Window(host, theme, preferences)
        told: list[tuple[str, str]] = []
        tray = window._presence.tray
        monkeypatch.setattr(tray, "tell", lambda title, text: told.append((title, text)))
        window.show()
        window.show_running()
        try:
            await body(window, told)
        finally:
            await window.aclose()
            window.hide()
            window.deleteLater()

    return lambda preferences, body: run(with_window(preferences, body))


def closings(window: Window) -> list[bool]:
    told: list[bool] = []
    window.closing.connect(lambda: told.append(True))
    return told


def test_closing_hides_into_the_tray_and_explains_that_once(drive: Drive) -> None:
    preferences = Preferences()
    preferences.put(TRAY, value=True)

    async def body(window: Window, told: list[tuple[str, str]]) -> None:
        leaving = closings(window)
        for _ in range(2):
            window.close()
            assert not window.isVisible()
            window._presence.tray.wanted.emit()
            assert window.isVisible()
        assert [title for title, _ in told] == ["Marina keeps running"]
        assert preferences.get(TRAY_EXPLAINED)
        assert leaving == []
        window.close()
        window.actions_.quit.trigger()
        assert leaving == [True]

    drive(preferences, body)


def test_without_the_wish_closing_leaves(drive: Drive) -> None:
    async def body(window: Window, told: list[tuple[str, str]]) -> None:
        leaving = closings(window)
        window.close()
        assert (leaving, told, window.isVisible()) == ([True], [], True)

    drive(Preferences(), body)


def test_the_tray_follows_the_wish_and_leaves_with_the_window(drive: Drive) -> None:
    preferences = Preferences()
    tray = None

    async def body(window: Window, _: list[tuple[str, str]]) -> None:
        nonlocal tray
        tray = window._presence.tray
        assert not tray.is_there
        preferences.put(TRAY, value=True)
        assert tray.is_there
        await window.aclose()
        assert not tray.is_there

    drive(preferences, body)


def test_the_theme_is_remembered_and_shown_in_the_menu(drive: Drive) -> None:
    preferences = Preferences()
    preferences.put(SCHEME, Qt.ColorScheme.Dark)

    async def body(window: Window, _: list[tuple[str, str]]) -> None:
        actions = {action.text(): action for action in window.actions_.scheme.actions()}
        assert actions["Dark"].isChecked()
        assert QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128
        actions["Light"].trigger()
        assert preferences.get(SCHEME) is Qt.ColorScheme.Light
        assert QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() > 128

    drive(preferences, body)


def test_what_fails_behind_the_users_back_is_told_and_leads_to_its_row(drive: Drive, engine: FakeEngine) -> None:
    preferences = Preferences()
    preferences.put(TRAY, value=True)
    preferences.put(TRAY_EXPLAINED, value=True)
    engine.put(a_version(), a_version("denoiser", "0.9"))

    async def body(window: Window, told: list[tuple[str, str]]) -> None:
        window.close()
        engine.put(a_version("denoiser", "0.9", state=VersionState.FAILED))
        window.refresher.pull()
        window._presence.notices.flush()
        assert told == [("Marina", "1 model failed: denoiser 0.9")]
        window._presence.tray.told.emit()
        assert window.isVisible()
        current = window.browser.current()
        assert current is not None
        assert current[1].snapshot.key == Key("denoiser", "0.9")

    drive(preferences, body)


def test_a_hidden_window_still_hears_of_changes_unless_nobody_wants_to(drive: Drive, engine: FakeEngine) -> None:
    preferences = Preferences()

    async def body(window: Window, _: list[tuple[str, str]]) -> None:
        window.hide()
        engine.put(a_version())
        await until(lambda: len(window.catalog.models) == 1)
        preferences.put(NOTIFICATIONS, value=False)
        engine.put(a_version("denoiser"))
        assert not window.refresher._soon.isActive()

    drive(preferences, body)


def test_a_model_that_is_the_same_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []

    def counted(before: Looks | None, states: Mapping[Key, VersionState], now: float) -> tuple[Looks, list[Happening]]:
        looks.append(states)
        return happenings.look(before, states, now)

    monkeypatch.setattr(notices_module, "look", counted)
    notices = Notices(lambda: True)
    due: list[list[str]] = []
    notices.due.connect(due.append)
    well = [a_record(VersionState.READY), replace(a_record(VersionState.READY), name="other")]
    for now in range(3):
        notices.look(well, now)
    assert len(looks) == len(well)
    ill = a_record(VersionState.FAILED)
    notices.look([ill, well[1]], 4)
    notices.look([well[1]], 5)
    notices.look([ill, well[1]], 6)
    assert len(looks) == len(well) + 2
    notices.flush()
    assert due == [["2 models failed: digits 1.0, digits 1.0"]]


def test_nothing_is_told_while_somebody_looks() -> None:
    looking = True
    notices = Notices(lambda: not looking)
    due: list[list[str]] = []
    notices.due.connect(due.append)
    well, ill = [a_record(VersionState.READY)], [a_record(VersionState.FAILED)]
    for records in (well, ill, well):
        notices.look(records, 0)
    looking = False
    notices.look(well, 1)
    notices.look(ill, 2)
    looking = True
    notices.flush()
    assert due == []
    looking = False
    notices.look(ill, 3)
    notices.flush()
    assert due == []


def a_record(state: VersionState) -> ModelRecord:
    return ModelRecord("digits", (VersionRecord(a_version(state=state)),))


def test_the_layout_is_saved_with_the_window_and_reset(drive: Drive, tmp_path: Path) -> None:
    preferences = Preferences(tmp_path / "window.ini")

    async def first(window: Window, _: list[tuple[str, str]]) -> None:
        window.resize(window.width(), 650)
        window.details.tabs.setCurrentIndex(0)

    async def second(window: Window, _: list[tuple[str, str]]) -> None:
        assert window.height() == 650
        assert window.details.tabs.currentIndex() == 0
        window.actions_.reset_layout.trigger()
        assert window.details.tabs.currentIndex() == 1
        assert window.height() != 650

    drive(preferences, first)
    drive(Preferences(tmp_path / "window.ini"), second)
