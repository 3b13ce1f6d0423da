"""Acts of the window that are taken back, done to several versions, or left to go on in the background."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QItemSelectionModel

from engine.errors import CancelledActError, DownloadError, UnavailableError
from engine.snapshots import Act, Key, Progress, VersionState, WorkerState
from gui.dialogs.register import RegisterDialog
from gui.dialogs.scale import ScaleDialog
from gui.dialogs.set_default import SetDefaultDialog
from gui.dialogs.unregister import UnregisterDialog
from gui.theme import Theme
from gui.window import Window
from tests.gui.fakes import FakeEngine, FakeHost, a_version, a_worker, until
from tests.gui.windows import opened, running_window

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.gui.fakes import Run

    Body = Callable[[Window], Awaitable[None]]
    Drive = Callable[[Body], None]


class Picky(FakeEngine):
    """Refuses to unregister the versions of one model."""

    refused = "signs"

    async def unregister(self, name: str, version: str | None = None, *, timeout: int = -1) -> str:
        if name == self.refused:
            raise UnavailableError("Its workers do not answer.")
        return await super().unregister(name, version, timeout=timeout)


@pytest.fixture
def engine() -> FakeEngine:
    return Picky()


@pytest.fixture
def drive(run: Run, host: FakeHost, theme: Theme) -> Drive:
    """Opens a running window, lets a test use it, and closes it in order."""

    async def with_window(body: Body) -> None:
        async with running_window(host, theme) as window:
            await body(window)

    return lambda body: run(with_window(body))


def select(window: Window, *names: str) -> None:
    """Select the rows of these models."""
    table = window.browser.table
    found = []
    for name in names:
        window.browser.choose(name)
        found.append(table.currentIndex())
    for index in found:
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        table.selectionModel().select(index, flags)


async def unregister(window: Window) -> None:
    window.actions_.unregister.trigger()
    (await opened(window, UnregisterDialog)).accept_button.click()


def test_an_unregistered_version_comes_back(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version(min_workers=2, max_workers=4))

    async def body(window: Window) -> None:
        assert not window.actions_.undo.isEnabled()
        window.browser.choose("digits")
        await unregister(window)
        await until(window.undo.isVisible)
        assert window.undo.text.text() == "Unregistered digits 1.0"
        assert not engine.versions
        window.actions_.undo.trigger()
        await until(lambda: engine.calls[-1][0] == "set_default")
        assert [call[0] for call in engine.calls] == ["unregister", "register", "scale", "set_default"]
        assert engine.calls[2] == ("scale", "digits", "1.0", 2, 4)
        assert Key("digits", "1.0") in engine.versions
        assert not window.undo.isVisible()

    drive(body)


def test_after_ten_seconds_it_is_too_late(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version())

    async def body(window: Window) -> None:
        window.undo._stack._clock = lambda: 0.0
        window.browser.choose("digits")
        await unregister(window)
        await until(window.undo.isVisible)
        window.undo._stack._clock = lambda: 10.0
        window.actions_.undo.trigger()
        assert not window.undo.isVisible()
        assert not window.actions_.undo.isEnabled()
        assert engine.calls[-1][0] == "unregister"

    drive(body)


def test_what_does_not_come_back_is_told_in_the_banner(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version())

    async def body(window: Window) -> None:
        window.browser.choose("digits")
        await unregister(window)
        await until(window.undo.isVisible)
        engine.error = DownloadError("Failed to download archive from: x")
        window.actions_.undo.trigger()
        await until(window.banner.isVisible)
        assert window.banner.text.text() == "Could not undo: Failed to download archive from: x"

    drive(body)


def test_of_several_the_one_that_fails_stays_and_the_others_come_back(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version("digits"), a_version("signs"), a_version("voices"))

    async def body(window: Window) -> None:
        select(window, "digits", "signs", "voices")
        assert window.actions_.unregister.text() == "Unregister 3 versions…"
        window.actions_.unregister.trigger()
        dialog: UnregisterDialog = await opened(window, UnregisterDialog)
        assert dialog.windowTitle() == "Unregister 3 versions?"
        assert dialog.list.text() == "digits 1.0, signs 1.0, voices 1.0"
        dialog.accept_button.click()
        await until(dialog.banner.isVisible)
        assert dialog.banner.text.text() == "signs 1.0: Its workers do not answer."
        assert dialog.windowTitle() == "Unregister signs 1.0?"
        dialog.reject()
        await until(window.undo.isVisible)
        assert window.undo.text.text() == "Unregistered 2 versions"
        assert list(engine.versions) == [Key("signs", "1.0")]
        window.actions_.undo.trigger()
        await until(lambda: len(engine.versions) == 3)

    drive(body)


def test_scaling_several_versions_is_taken_back(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version("digits"), a_version("signs", min_workers=2, max_workers=3))

    async def body(window: Window) -> None:
        select(window, "digits", "signs")
        assert window.actions_.scale.text() == "Scale 2 versions…"
        window.actions_.scale.trigger()
        dialog: ScaleDialog = await opened(window, ScaleDialog)
        dialog.high.setValue(5)
        dialog.accept_button.click()
        await until(window.undo.isVisible)
        assert window.undo.text.text() == "Scaled 2 versions"
        window.actions_.undo.trigger()
        await until(lambda: len(engine.calls) == 4)
        assert engine.calls[2:] == [("scale", "digits", "1.0", 1, 1), ("scale", "signs", "1.0", 2, 3)]

    drive(body)


def test_a_default_is_taken_back(drive: Drive, engine: FakeEngine) -> None:
    engine.put(a_version(), a_version(version="2.0", is_default=False))

    async def body(window: Window) -> None:
        window.browser.choose("digits", "2.0")
        window.actions_.set_default.trigger()
        (await opened(window, SetDefaultDialog)).accept_button.click()
        await until(window.undo.isVisible)
        assert window.undo.text.text() == "The default of digits is 2.0"
        window.actions_.undo.trigger()
        await until(lambda: engine.calls[-1] == ("set_default", "digits", "1.0"))

    drive(body)


def test_failed_workers_of_several_versions_are_retried(drive: Drive, engine: FakeEngine) -> None:
    failed = a_worker("9001", WorkerState.FAILED)
    engine.put(a_version("digits"), *(a_version(n, state=VersionState.FAILED, workers=(failed,)) for n in ("a", "b")))

    async def body(window: Window) -> None:
        select(window, "digits", "a", "b")
        window.actions_.retry.trigger()
        await until(lambda: len(engine.calls) == 2)
        assert [call[1] for call in engine.calls] == ["a", "b"]

    drive(body)


async def sent_to_the_background(window: Window, engine: FakeEngine) -> None:
    window.operations.register([Path("/downloads/digits.mar")])
    dialog: RegisterDialog = await opened(window, RegisterDialog)
    await until(dialog.accept_button.isEnabled)
    engine.gate = asyncio.Event()
    dialog.submit()
    await until(dialog.continue_button.isVisible)
    dialog.continue_button.click()
    await until(lambda: not window.findChildren(RegisterDialog))


@pytest.mark.parametrize("error", [None, DownloadError("The line went dead."), CancelledActError("It was cancelled.")])
def test_a_registration_in_the_background_ends_without_its_dialog(
    drive: Drive, engine: FakeEngine, error: DownloadError | CancelledActError | None
) -> None:
    async def body(window: Window) -> None:
        await sent_to_the_background(window, engine)
        assert engine.gate is not None
        engine.error = error
        engine.gate.set()
        await until(lambda: not window.operations._tasks._tasks)
        if isinstance(error, DownloadError):
            assert "The line went dead." in window.banner.text.text()
        else:
            assert not window.banner.isVisible()
        assert (Key("digits", "1.0") in engine.versions) == (error is None)

    drive(body)


def test_closing_the_window_ends_what_goes_on_in_the_background(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        await sent_to_the_background(window, engine)

    drive(body)
    assert not engine.versions


def test_what_goes_on_has_a_line_over_the_status(drive: Drive, engine: FakeEngine) -> None:
    async def body(window: Window) -> None:
        engine.running = [Act(1, "digits.mar", 0.0, Progress("unpacking", 1, 2))]
        window.refresher.pull()
        assert window.acts.isVisible()
        engine.running = []
        window.refresher.pull()
        assert not window.acts.isVisible()

    drive(body)
