from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent

from engine.errors import ConflictError
from engine.making import BUILT_IN_HANDLERS, ArchivePlan
from gui.dialogs.asking import ask
from gui.dialogs.make_archive import MakeArchiveDialog, archiver_command
from tests.gui.fakes import FakeEngine, gone, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.gui.fakes import Run

    Act = Callable[[MakeArchiveDialog], Awaitable[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with an ONNX file, which nothing has to be inside of."""
    model = tmp_path / "digits"
    (model / "labels").mkdir(parents=True)
    for name in ("net.onnx", "digits_handler.py", "requirements.txt", "labels/en.json"):
        (model / name).write_bytes(b"12345")
    return model


def drive(run: Run, engine: FakeEngine, paths: Sequence[Path], act: Act) -> MakeArchiveDialog:
    async def body() -> MakeArchiveDialog:
        dialog = MakeArchiveDialog(engine, paths)
        task = asyncio.get_running_loop().create_task(ask(dialog))
        await until(dialog.isVisible)
        await act(dialog)
        if not gone(dialog):
            dialog.reject()
        await task
        return dialog

    done: MakeArchiveDialog = run(body())
    return done


def offered(dialog: MakeArchiveDialog) -> list[str]:
    names = [dialog.handler.itemData(row) for row in range(dialog.handler.count())]
    return [name for name in names if name]


def made(engine: FakeEngine) -> ArchivePlan:
    [(_, plan)] = [call for call in engine.calls if call[0] == "make_archive"]
    assert isinstance(plan, ArchivePlan)
    return plan


def test_a_folder_fills_the_form_and_nothing_is_written_yet(run: Run, engine: FakeEngine, folder: Path) -> None:
    async def look(dialog: MakeArchiveDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        assert dialog.name.text() == "digits"
        assert dialog.version.text() == "1.0"
        assert dialog.handler.currentText() == "digits_handler.py"
        assert dialog.model.currentText() == "net.onnx"
        assert offered(dialog) == ["digits_handler.py", *BUILT_IN_HANDLERS]
        assert dialog.parts.rowCount() == 4
        assert dialog.words.text() == f"Packs 4 files, 20 bytes, into {Path('/store/digits.mar')}."

    dialog = drive(run, engine, [folder], look)
    assert dialog.made is None
    assert engine.calls == [("plan_archive", folder)]


def test_what_was_chosen_is_packed(run: Run, engine: FakeEngine, folder: Path) -> None:
    async def make(dialog: MakeArchiveDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        dialog.name.setText("numbers")
        dialog.version.setText("2.0")
        dialog.handler.setCurrentText("image_classifier")
        await until(dialog.accept_button.isEnabled)
        dialog.accept_button.click()
        await until(lambda: gone(dialog))

    dialog = drive(run, engine, [folder], make)
    assert dialog.made == Path("/store/numbers.mar")
    plan = made(engine)
    assert (plan.name, plan.version, plan.handler) == ("numbers", "2.0", "image_classifier")
    assert (plan.serialized_file, plan.requirements_file) == ("net.onnx", "requirements.txt")


def test_an_archive_that_is_there_stays_and_another_name_is_taken(run: Run, engine: FakeEngine, folder: Path) -> None:
    engine.stored = {"digits.mar"}

    async def make(dialog: MakeArchiveDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        await until(lambda: dialog.words.text().endswith("digits.mar is there already and stays."))
        dialog.accept_button.click()
        await until(lambda: gone(dialog))

    assert drive(run, engine, [folder], make).made == Path("/store/digits-2.mar")
    assert made(engine).archive == "digits-2.mar"


def test_an_empty_form_says_what_to_do_first(run: Run, engine: FakeEngine) -> None:
    async def look(dialog: MakeArchiveDialog) -> None:
        assert dialog.words.text() == "Add the model's files, or drop them here."
        assert not dialog.accept_button.isEnabled()
        assert not dialog.remove.isEnabled()

    drive(run, engine, [], look)
    assert engine.calls == []


def test_weights_ask_for_the_file_of_their_class(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    for name in ("weights.pth", "network.py", "handler.py"):
        (tmp_path / name).touch()

    async def choose(dialog: MakeArchiveDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        assert dialog.architecture.isVisible()
        assert dialog.architecture.currentText() == "network.py"
        dialog.handler.setCurrentText("image_classifier")
        assert dialog.accept_button.isEnabled()
        dialog.architecture.setCurrentIndex(0)
        assert "weights.pth holds weights alone" in dialog.words.text()
        dialog.model.setCurrentIndex(0)
        assert not dialog.architecture.isVisible()

    drive(run, engine, [tmp_path], choose)


def test_further_files_are_dropped_on_it_and_removed(run: Run, engine: FakeEngine, folder: Path) -> None:
    how = (Qt.DropAction.CopyAction, QMimeData(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    how[1].setUrls([QUrl.fromLocalFile(str(folder / name)) for name in ("digits_handler.py", "requirements.txt")])

    async def change(dialog: MakeArchiveDialog) -> None:
        await until(lambda: dialog.parts.rowCount() == 1)
        await until(lambda: dialog.is_idle)
        assert "Choose the handler" in dialog.words.text()
        enter = QDragEnterEvent(QPoint(5, 5), *how)
        dialog.dragEnterEvent(enter)
        assert enter.isAccepted()
        dialog.dropEvent(QDropEvent(QPointF(5, 5), *how))
        await until(dialog.accept_button.isEnabled)
        assert dialog.handler.currentText() == "digits_handler.py"
        assert dialog.plan().requirements_file == "requirements.txt"
        dialog.files.setCurrentIndex(dialog.parts.index(1, 0))
        assert dialog.remove.isEnabled()
        dialog.remove.click()
        assert [part.name for part in dialog.plan().parts] == ["net.onnx", "requirements.txt"]
        assert dialog.handler.currentText() == ""

    drive(run, engine, [folder / "net.onnx"], change)


def test_packing_shows_how_far_it_is_and_can_be_cancelled(run: Run, engine: FakeEngine, folder: Path) -> None:
    async def cancel(dialog: MakeArchiveDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        engine.gate = asyncio.Event()
        dialog.accept_button.click()
        await until(dialog.bar.isVisible)
        assert dialog.step.text().startswith("Packing 1.0 MB of 3.0 MB")
        dialog.cancel_button.click()

    dialog = drive(run, engine, [folder], cancel)
    assert dialog.made is None


def test_a_refusal_leaves_the_input_as_it_was(run: Run, engine: FakeEngine, folder: Path) -> None:
    async def fail(dialog: MakeArchiveDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        engine.error = ConflictError("digits.mar is in the model store already.")
        dialog.accept_button.click()
        await until(dialog.banner.isVisible)
        assert dialog.name.text() == "digits"
        await until(dialog.accept_button.isEnabled)

    drive(run, engine, [folder], fail)


def test_every_control_has_a_name_for_those_who_listen(run: Run, engine: FakeEngine) -> None:
    async def look(dialog: MakeArchiveDialog) -> None:
        for widget in (dialog.name, dialog.version, dialog.handler, dialog.model, dialog.architecture, dialog.files):
            assert widget.accessibleName()

    drive(run, engine, [], look)


def test_the_same_is_told_as_a_command(run: Run, engine: FakeEngine, folder: Path) -> None:
    async def look(dialog: MakeArchiveDialog) -> None:
        await until(dialog.accept_button.isEnabled)
        assert archiver_command(dialog.plan(), "/store") == (
            "torch-model-archiver --model-name digits --version 1.0 "
            f"--handler {folder / 'digits_handler.py'} --serialized-file {folder / 'net.onnx'} "
            f"--requirements-file {folder / 'requirements.txt'} --extra-files {folder} --export-path /store"
        )

    drive(run, engine, [folder], look)
