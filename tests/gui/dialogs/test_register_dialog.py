from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from engine.errors import ArchiveNotFoundError, ConflictError, InvalidArchiveError, RequirementsError
from engine.registration import Registration
from gui.dialogs.asking import ask
from gui.dialogs.register import RegisterDialog
from tests.gui.fakes import FakeEngine, a_summary, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.gui.fakes import Run

    Act = Callable[[RegisterDialog], Awaitable[None]]

BASE = "http://127.0.0.1:8081"
DROPPED = Path("/downloads/digits.mar")


async def with_dialog(dialog: RegisterDialog, act: Act) -> bool:
    """Opens the dialog, lets a test use it, and closes it if that did not."""
    task = asyncio.get_running_loop().create_task(ask(dialog))
    await until(dialog.isVisible)
    await act(dialog)
    dialog.close()
    return await task


def drive(run: Run, engine: FakeEngine, path: Path | None, act: Act) -> bool:
    async def body() -> bool:
        return await with_dialog(RegisterDialog(engine, BASE, path), act)

    accepted: bool = run(body())
    return accepted


def test_a_file_is_copied_and_looked_into_but_not_registered(run: Run, engine: FakeEngine) -> None:
    engine.summary = a_summary(description="<b>Digits</b>")

    async def look(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        assert dialog.name.text() == "digits"
        assert dialog.handler.text() == "image_classifier"
        assert "2.3 MB" in dialog.facts.text()
        assert "<b>Digits</b>" in dialog.facts.text()
        assert dialog.facts.textFormat() is Qt.TextFormat.PlainText
        assert dialog.digest.text().startswith("SHA-256 abab")
        assert dialog.warning.isVisible()
        assert dialog.words.text() == "Registers digits and starts 1 worker."

    assert drive(run, engine, DROPPED, look) is False
    assert engine.calls == [("add_to_store", DROPPED), ("inspect", "digits.mar")]


def test_registering_sends_what_differs_from_the_archive(run: Run, engine: FakeEngine) -> None:
    async def register(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        dialog.name.setText("numbers")
        dialog.batch_size.setValue(8)
        dialog.max_batch_delay.setValue(0)
        dialog.initial_workers.setValue(2)
        assert "model_name=numbers" in dialog.disclosure.line.text()
        dialog.accept_button.click()
        await until(lambda: not dialog.isVisible())
        assert dialog.registered_name == "numbers"

    assert drive(run, engine, DROPPED, register) is True
    wanted = Registration("digits.mar", model_name="numbers", batch_size=8, max_batch_delay=0, initial_workers=2)
    assert engine.calls[-1] == ("register", wanted)


def test_the_copy_shows_how_far_it_is_and_can_be_cancelled(run: Run, engine: FakeEngine) -> None:
    engine.gate = asyncio.Event()

    async def watch(dialog: RegisterDialog) -> None:
        await until(dialog.bar.isVisible)
        assert dialog.step.text() == "Copying 1.0 MB of 3.0 MB"
        assert dialog.bar.value() * 3 == dialog.bar.maximum()
        assert not dialog.accept_button.isEnabled()
        dialog.cancel_button.click()

    assert drive(run, engine, DROPPED, watch) is False
    assert engine.calls == [("add_to_store", DROPPED)]


def test_a_broken_archive_is_refused_with_its_reason(run: Run, engine: FakeEngine) -> None:
    engine.error = InvalidArchiveError("digits.mar is no zip file.")

    async def look(dialog: RegisterDialog) -> None:
        await until(dialog.banner.isVisible)
        assert dialog.banner.text.text() == "digits.mar is no zip file."
        assert not dialog.accept_button.isEnabled()

    drive(run, engine, DROPPED, look)


def test_packages_that_cannot_be_installed_are_told_with_pips_own_words(run: Run, engine: FakeEngine) -> None:
    engine.error = RequirementsError("Custom pip package installation failed for model digits", cause="ERROR: no numpy")

    async def look(dialog: RegisterDialog) -> None:
        await until(dialog.banner.isVisible)
        text = "Custom pip package installation failed for model digits\nERROR: no numpy"
        assert dialog.banner.text.text() == text

    drive(run, engine, DROPPED, look)


def test_a_conflict_leaves_the_input_as_it_was(run: Run, engine: FakeEngine) -> None:
    async def conflict(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        dialog.name.setText("taken")
        engine.error = ConflictError("Model version 1.0 is already registered for model taken")
        dialog.accept_button.click()
        await until(dialog.banner.isVisible)
        assert dialog.name.text() == "taken"
        assert dialog.accept_button.isEnabled()

    assert drive(run, engine, DROPPED, conflict) is False


def test_a_name_in_the_store_is_looked_into_when_it_is_typed(run: Run, engine: FakeEngine) -> None:
    async def type_name(dialog: RegisterDialog) -> None:
        assert dialog.words.text() == "Choose an archive, or type its name in the model store."
        dialog.archive.setText("denoiser.mar")
        assert not dialog.accept_button.isEnabled()
        dialog.archive.editingFinished.emit()
        await until(dialog.accept_button.isEnabled)
        dialog.archive.setText("other.mar")
        assert not dialog.accept_button.isEnabled()
        assert not dialog.facts.isVisible()

    drive(run, engine, None, type_name)
    assert engine.calls == [("inspect", "denoiser.mar")]


def test_a_missing_archive_is_named(run: Run, engine: FakeEngine) -> None:
    engine.error = ArchiveNotFoundError("nothing.mar is not in the model store.")

    async def type_name(dialog: RegisterDialog) -> None:
        dialog.archive.setText("nothing.mar")
        dialog.archive.editingFinished.emit()
        await until(dialog.banner.isVisible)
        assert "nothing.mar" in dialog.banner.text.text()

    drive(run, engine, None, type_name)


def test_an_address_needs_no_look_inside(run: Run, engine: FakeEngine) -> None:
    async def type_address(dialog: RegisterDialog) -> None:
        dialog.archive.setText("https://models.example/digits.mar")
        dialog.archive.editingFinished.emit()
        assert dialog.accept_button.isEnabled()
        assert dialog.warning.isVisible()
        dialog.initial_workers.setValue(0)
        assert dialog.words.text().endswith("without workers. Scale it to serve.")
        dialog.initial_workers.setValue(dialog.initial_workers.minimum())
        assert dialog.words.text().endswith("with the default number of workers.")

    drive(run, engine, None, type_address)
    assert engine.calls == []


def test_a_name_that_cannot_be_seen_is_refused(run: Run, engine: FakeEngine) -> None:
    async def rename(dialog: RegisterDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        dialog.name.setText("digits ")
        assert not dialog.accept_button.isEnabled()
        assert "spaces around it" in dialog.words.text()

    drive(run, engine, DROPPED, rename)
