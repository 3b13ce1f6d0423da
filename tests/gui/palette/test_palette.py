from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest

from engine.snapshots import Key
from gui.palette.entries import Entry, Offer
from gui.palette.lines import ENTRY, Lines
from gui.palette.popup import Palette
from gui.window import Window
from tests.gui.fakes import FakeEngine, FakeHost, a_version, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gui.theme import Theme
    from tests.gui.fakes import Run

    Body = Callable[[Window, Palette], Awaitable[None]]
    Drive = Callable[[Body], None]


@pytest.fixture
def drive(run: Run, host: FakeHost, engine: FakeEngine, theme: Theme) -> Drive:
    """Opens the palette over a window with three versions."""

    async def with_palette(body: Body) -> None:
        engine.put(a_version(), a_version("digits", "2.0", is_default=False), a_version("street-signs", "4.1"))
        await host.start()
        window = Window(host, theme)
        window.show()
        window.show_running()
        window.actions_.palette.trigger()
        try:
            await body(window, opened(window))
        finally:
            await window.aclose()
            window.hide()
            window.deleteLater()

    return lambda body: run(with_palette(body))


def opened(window: Window) -> Palette:
    return next(palette for palette in window.findChildren(Palette) if palette.isVisible())


def entries(palette: Palette) -> list[Entry]:
    return [palette.lines.index(row).data(ENTRY) for row in range(palette.lines.rowCount())]


def test_it_offers_the_menu_bar_with_shortcuts_then_models_and_their_versions(drive: Drive) -> None:
    async def body(_: Window, palette: Palette) -> None:
        found = {entry.text: entry for entry in entries(palette)}
        assert (found["Settings…"].where, found["Settings…"].shortcut) == ("File", "Ctrl+,")
        assert found["Light"].where == "View › Theme"  # noqa: RUF001 - the sign between menus
        assert found["digits"].where == "Model"
        assert found["digits 2.0"].where == "Version"
        assert "street-signs 4.1" not in found

    drive(body)


def test_what_cannot_be_used_comes_last_and_does_nothing(drive: Drive) -> None:
    async def body(_: Window, palette: Palette) -> None:
        enabled = [entry.enabled for entry in entries(palette)]
        assert enabled == sorted(enabled, reverse=True)
        palette.line.setText("unregister")
        QTest.keyClick(palette.line, Qt.Key.Key_Return)
        assert palette.isVisible()

    drive(body)


def test_typing_and_return_go_to_a_version(drive: Drive) -> None:
    async def body(window: Window, palette: Palette) -> None:
        window.bar.filter.setText("street")
        QTest.keyClicks(palette.line, "dig2")
        QTest.keyClick(palette.line, Qt.Key.Key_Return)
        current = window.browser.current()
        assert current is not None
        assert current[1].snapshot.key == Key("digits", "2.0")
        assert not palette.isVisible()

    drive(body)


def test_the_arrows_move_and_return_runs(drive: Drive) -> None:
    async def body(window: Window, palette: Palette) -> None:
        palette.line.setText("clear filter")
        window.bar.filter.setText("street")
        QTest.keyClick(palette.line, Qt.Key.Key_Down)
        QTest.keyClick(palette.line, Qt.Key.Key_Up)
        assert palette.list.currentIndex().row() == 0
        QTest.keyClick(palette.line, Qt.Key.Key_Return)
        assert window.bar.filter.text() == ""

    drive(body)


def test_nothing_found_says_so_and_escape_closes_it_for_good(drive: Drive) -> None:
    async def body(window: Window, palette: Palette) -> None:
        palette.line.setText("zzzz")
        assert palette.nothing.isVisible()
        QTest.keyClick(palette.line, Qt.Key.Key_Return)
        QTest.keyClick(palette.line, Qt.Key.Key_Escape)
        await until(lambda: not window.findChildren(Palette))

    drive(body)


def test_it_stays_inside_the_window(drive: Drive) -> None:
    async def body(window: Window, palette: Palette) -> None:
        window.resize(window.width() + 60, window.height())
        await until(lambda: abs(palette.geometry().center().x() - window.rect().center().x()) <= 1)
        assert window.rect().contains(palette.geometry())

    drive(body)


def test_switches_of_columns_come_after_commands(drive: Drive) -> None:
    async def body(_: Window, palette: Palette) -> None:
        palette.line.setText("re")
        enabled = [entry for entry in entries(palette) if entry.enabled]
        minor = [entry.where.endswith("Columns") for entry in enabled]
        assert any(minor)
        assert minor == sorted(minor)
        assert enabled[0].text == "Refresh"

    drive(body)


@pytest.mark.usefixtures("qapp")
def test_a_line_is_made_when_it_is_looked_at() -> None:
    made: list[int] = []

    def offer(number: int) -> Offer:
        def entry() -> Entry:
            made.append(number)
            return Entry(f"model{number}", "Model", "Ready", enabled=True, run=lambda: None)

        return Offer(f"model{number}", entry)

    lines = Lines()
    tester = QAbstractItemModelTester(lines, QAbstractItemModelTester.FailureReportingMode.Fatal)
    offers = [offer(number) for number in range(300)]
    for count in (300, 0, 7, 1, 300):
        lines.show(offers[:count])
        assert lines.rowCount() == count
    made.clear()
    assert lines.index(5).data() == "model5"
    assert lines.index(5).data(Qt.ItemDataRole.AccessibleTextRole) == "model5, Model, Ready"
    assert set(made) == {5}
    assert tester.model() is lines
