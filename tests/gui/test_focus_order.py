"""No act needs a mouse: Tab reaches every control once, in reading order, and each says its name.

The window in each of its states, each page of the details, and whatever dialog an entry of a menu opens.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction, QContextMenuEvent
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMenu, QWidget

from engine.snapshots import VersionState, WorkerState
from gui.theme import Theme
from gui.window import Window
from tests.gui.fakes import FakeEngine, FakeHost, a_version, a_worker, gone, until
from tests.gui.windows import running_window
from tests.support import focus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.gui.fakes import Run

    Body = Callable[[Window], Awaitable[None]]
    Drive = Callable[[Body], None]

PAGES = range(12)  # as many as the details may ever have


@pytest.fixture
def drive(run: Run, host: FakeHost, theme: Theme) -> Drive:
    """Opens a running window, lets a test use it, and closes it in order."""

    async def with_window(body: Body) -> None:
        async with running_window(host, theme) as window:
            window.resize(1440, 900)
            await body(window)

    return lambda body: run(with_window(body))


def fill(engine: FakeEngine) -> None:
    failed = a_worker(state=WorkerState.FAILED, last_death="cv2 is missing", traceback="Traceback\ncv2 is missing")
    engine.put(
        a_version(),
        a_version(version="2.0", is_default=False),
        a_version("signs", state=VersionState.FAILED, workers=(failed,)),
    )


def check(root: QWidget) -> None:
    """All that holds for a window and for a dialog."""
    there = focus.controls(root)
    if not there:
        return
    met = focus.walk(root)
    assert not focus.nameless(met)
    missed = [focus.said(widget) for widget in there if widget not in met and widget in focus.controls(root)]
    assert not missed, f"Tab does not reach {missed}"
    assert not focus.backward_steps(met, root)
    assert not focus.for_the_mouse_alone(root)
    back = focus.walk(root, backwards=True)
    assert set(back) == set(met), "Shift+Tab goes another way"


def test_the_empty_window_is_walked_by_tab(drive: Drive) -> None:
    async def body(window: Window) -> None:
        check(window)

    drive(body)


@pytest.mark.parametrize("page", PAGES)
def test_each_page_of_the_details_is_walked_by_tab(drive: Drive, engine: FakeEngine, page: int) -> None:
    fill(engine)

    async def body(window: Window) -> None:
        if page >= window.details.tabs.count():
            return
        window.browser.choose("signs")
        window.details.tabs.setCurrentIndex(page)
        await settle()
        check(window)

    drive(body)


def test_tab_goes_from_the_bar_by_the_table_to_the_details(drive: Drive, engine: FakeEngine) -> None:
    fill(engine)

    async def body(window: Window) -> None:
        window.browser.choose("digits")
        met = focus.walk(window)
        at = met.index(window.bar.filter)
        order = met[at:] + met[:at]
        areas = (window.sidebar.filters, window.browser.table, window.details.tabs, window.status)
        places = [
            next(at for at, widget in enumerate(order) if widget is area or area.isAncestorOf(widget)) for area in areas
        ]
        assert places == sorted(places)

    drive(body)


def entries(menu: QMenu) -> Iterator[QAction]:
    """The entries of a menu and of those in it."""
    for action in menu.actions():
        if isinstance(inner := action.menu(), QMenu):
            yield from entries(inner)
        elif not action.isSeparator():
            yield action


def in_menus(window: Window) -> list[QAction]:
    tops = [action.menu() for action in window.menuBar().actions()]
    return [action for top in tops if isinstance(top, QMenu) for action in entries(top)]


def dialogs(window: Window) -> list[QDialog]:
    shown = [dialog for dialog in window.findChildren(QDialog) if dialog.isVisible()]
    return [dialog for dialog in shown if not isinstance(dialog, QFileDialog)]


LEFT_OUT = ("quit", "start", "diagnostics", "reset_layout")  # these end the window or ask the system for a file


async def settle() -> None:
    """Let layouts, and dialogs that are opened by tasks, come to rest."""
    for _ in range(20):
        await asyncio.sleep(0.005)


async def problems(window: Window, action: QAction) -> list[str]:
    """Trigger an action and check what it opens, if anything."""
    action.trigger()
    await settle()
    found = []
    for dialog in dialogs(window):
        try:
            check(dialog)
        except AssertionError as error:
            found.append(f"{action.text()} opens {type(dialog).__name__}: {error}")
        dialog.reject()
        await until(lambda dialog=dialog: gone(dialog))  # type: ignore[misc]  # a default binds it
    return found


def test_what_each_action_opens_is_walked_by_tab_and_can_be_dismissed(drive: Drive, engine: FakeEngine) -> None:
    fill(engine)

    async def body(window: Window) -> None:
        own = {name: act for name, act in vars(window.actions_).items() if isinstance(act, QAction)}
        found = []
        for name, action in own.items():
            if name not in LEFT_OUT:
                window.browser.choose("digits", "1.0")
                found += await problems(window, action)
        assert not found, "\n".join(found)

    drive(body)


def test_every_action_of_the_window_is_in_a_menu(drive: Drive) -> None:
    async def body(window: Window) -> None:
        shown = set(in_menus(window))
        own = [action for action in vars(window.actions_).values() if isinstance(action, QAction)]
        outside = [action.text() for action in own if action not in shown and action is not window.actions_.start]
        assert not outside

    drive(body)


def test_no_two_actions_share_a_shortcut(drive: Drive) -> None:
    async def body(window: Window) -> None:
        keys = [key.toString() for action in in_menus(window) for key in action.shortcuts()]
        assert len(keys) == len(set(keys)), sorted(keys)

    drive(body)


def test_the_menu_key_opens_what_a_right_click_opens(drive: Drive, engine: FakeEngine) -> None:
    fill(engine)

    async def body(window: Window) -> None:
        table = window.browser.table
        window.browser.choose("digits")
        table.setFocus()
        event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), table.mapToGlobal(QPoint(0, 0)))
        QApplication.sendEvent(table, event)
        [menu] = [menu for menu in table.findChildren(QMenu) if menu.isVisible()]
        row = table.visualRect(table.currentIndex())
        assert row.contains(table.viewport().mapFromGlobal(menu.pos()))
        assert {action.text() for action in menu.actions()} >= {"Set default…", "Retry failed workers", "Copy"}
        menu.close()

    drive(body)


def test_enter_goes_into_the_details_and_columns_are_chosen_in_a_menu(drive: Drive, engine: FakeEngine) -> None:
    fill(engine)

    async def body(window: Window) -> None:
        window.browser.choose("digits")
        window.browser.table.setFocus()
        window.browser.table.activated_row.emit()
        assert window.details.isAncestorOf(window.focusWidget())
        memory = next(action for action in in_menus(window) if action.text() == "GPU memory")
        memory.trigger()
        assert not window.browser.table.header().isSectionHidden(9)

    drive(body)
