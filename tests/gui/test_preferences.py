from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QByteArray, Qt

from gui.preferences import NOTIFICATIONS, SCHEME, TAB, TRAY, Preferences, Wish

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "window.ini"


def test_wishes_and_states_outlive_the_process(file: Path) -> None:
    first = Preferences(file)
    first.put(SCHEME, Qt.ColorScheme.Dark)
    first.put(TRAY, value=True)
    first.put(TAB, 3)
    first.put_state("splitters/main", QByteArray(b"\0\xff;=\n"))
    first.sync()
    second = Preferences(file)
    assert (second.get(SCHEME), second.get(TRAY), second.get(TAB)) == (Qt.ColorScheme.Dark, True, 3)
    assert second.state("splitters/main") == QByteArray(b"\0\xff;=\n")
    assert second.get(NOTIFICATIONS) is True


@pytest.mark.parametrize("wish", [SCHEME, NOTIFICATIONS, TRAY, TAB])
def test_a_broken_value_falls_back_alone_with_a_warning(
    file: Path, wish: Wish[Any], caplog: pytest.LogCaptureFixture
) -> None:
    texts = {SCHEME.key: "dark", NOTIFICATIONS.key: "false", TRAY.key: "true", TAB.key: "2"}
    key = wish.key
    texts[key] = "a, b"
    lines = [f"[window]\ntheme={texts[SCHEME.key]}\nnotifications={texts[NOTIFICATIONS.key]}"]
    lines += [f"keep_in_tray={texts[TRAY.key]}\n[layout]\ntab={texts[TAB.key]}\n"]
    file.write_text("\n".join(lines), encoding="utf-8")
    preferences = Preferences(file)
    good: dict[Wish[Any], object] = {SCHEME: Qt.ColorScheme.Dark, NOTIFICATIONS: False, TRAY: True, TAB: 2}
    with caplog.at_level(logging.WARNING):
        found = {one: preferences.get(one) for one in good}
    assert found == good | {wish: wish.default}
    assert [key in record.getMessage() for record in caplog.records] == [True]


def test_a_file_that_is_no_ini_leaves_the_defaults(file: Path) -> None:
    file.write_bytes(b"\xff\xfe[[[\0")
    assert Preferences(file).get(SCHEME) is Qt.ColorScheme.Unknown


def test_without_a_path_wishes_last_as_long_as_the_object() -> None:
    preferences = Preferences()
    preferences.put(TAB, 1)
    preferences.sync()
    assert preferences.get(TAB) == 1
    assert Preferences().get(TAB) == TAB.default


def test_forgetting_the_layout_keeps_the_wishes(file: Path) -> None:
    preferences = Preferences(file)
    preferences.put(TRAY, value=True)
    preferences.put_state("geometry", QByteArray(b"x"))
    preferences.forget_layout()
    preferences.sync()
    for one in (preferences, Preferences(file)):
        assert one.state("geometry").isEmpty()
        assert one.get(TRAY)


def test_a_change_is_told_once_and_no_change_is_not_told(qapp: QApplication) -> None:
    assert qapp is not None
    preferences = Preferences()
    told: list[str] = []
    preferences.changed.connect(told.append)
    preferences.put(TRAY, value=True)
    preferences.put(TRAY, value=True)
    preferences.put(SCHEME, Qt.ColorScheme.Unknown)
    assert told == [TRAY.key]
