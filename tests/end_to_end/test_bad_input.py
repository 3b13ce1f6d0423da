"""Bad input at the window: a clear answer where it belongs, and nothing changed."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QLabel

from engine.home import Home
from gui.dialogs.address import AddressDialog
from gui.dialogs.register import RegisterDialog
from tests.support.archives import archive
from tests.support.person import Person

AtTheWindow = Callable[..., set[asyncio.Task[Any]]]

RAISES = """
class Handler:
    def initialize(self, context):
        raise ValueError("the weights are missing")

    def handle(self, data, context):
        return data
"""


def without_handler(path: Path) -> Path:
    manifest = {"runtime": "python", "model": {"modelName": "a", "modelVersion": "1.0", "handler": "gone.py"}}
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
    return path


def test_what_is_no_archive_is_refused_where_it_was_dropped(at_the_window: AtTheWindow, tmp_path: Path) -> None:
    path = tmp_path / "notes.mar"
    path.write_text("no zip", encoding="utf-8")

    async def act(person: Person, home: Home) -> None:
        person.drops(path)
        dialog = await person.opened(RegisterDialog)
        await person.sees(dialog.banner.isVisible)
        assert "notes.mar is not a model archive: it is no zip file" in dialog.banner.text.text()
        assert not dialog.accept_button.isEnabled()
        assert list(home.model_store.iterdir()) == []
        dialog.reject()

    assert not at_the_window(act)


def test_an_archive_without_manifest_asks_for_what_is_missing(at_the_window: AtTheWindow, tmp_path: Path) -> None:
    path = tmp_path / "bare.mar"
    with zipfile.ZipFile(path, "w") as bare:
        bare.writestr("service.py", "def handle(data, context):\n    return data\n")

    async def act(person: Person, _home: Home) -> None:
        person.drops(path)
        dialog = await person.opened(RegisterDialog)
        await person.sees(dialog.facts.facts.text)
        assert not dialog.accept_button.isEnabled()
        assert dialog.words.text() == "The archive does not say what its model is called. Type a name."
        dialog.name.setText("bare")
        await person.sees(dialog.accept_button.isEnabled)
        dialog.accept_button.click()
        await person.sees(dialog.banner.isVisible)
        assert "bare.mar names no handler" in dialog.banner.text.text()
        dialog.reject()
        assert not person.window.catalog.models

    assert not at_the_window(act)


def test_a_refused_registration_keeps_the_dialog_open(at_the_window: AtTheWindow, tmp_path: Path) -> None:
    path = without_handler(tmp_path / "a.mar")

    async def act(person: Person, home: Home) -> None:
        person.drops(path)
        dialog = await person.dialog(RegisterDialog)
        dialog.accept_button.click()
        await person.sees(dialog.banner.isVisible)
        assert "does not contain its handler 'gone.py'" in dialog.banner.text.text()
        assert dialog.name.text() == "a", "the input is as it was"
        assert not person.window.catalog.models
        [process] = [folder for folder in home.unpacked.iterdir() if folder.is_dir()]
        assert not [folder for folder in process.iterdir() if folder.is_dir()]
        dialog.reject()

    assert not at_the_window(act)


def test_a_version_that_is_there_already_is_told_before(at_the_window: AtTheWindow, tmp_path: Path) -> None:
    path = archive(tmp_path, "a")

    async def act(person: Person, _home: Home) -> None:
        person.drops(path)
        await person.accepts(await person.dialog(RegisterDialog))
        await person.ready("a", "1.0", workers=1)
        person.drops(path)
        dialog = await person.opened(RegisterDialog)
        await person.sees(lambda: "a 1.0 is registered already" in dialog.words.text())
        assert not dialog.accept_button.isEnabled()
        dialog.reject()

    assert not at_the_window(act)


def test_a_handler_that_raises_at_load_shows_its_traceback(at_the_window: AtTheWindow, tmp_path: Path) -> None:
    path = archive(tmp_path, "broken", source=RAISES)

    async def act(person: Person, _home: Home) -> None:
        person.drops(path)
        await person.accepts(await person.dialog(RegisterDialog))
        await person.sees(lambda: (row := person.row("broken", "1.0")) and row.cause)
        row = person.row("broken", "1.0")
        assert row is not None
        assert row.cause == "ValueError: the weights are missing"
        person.window.browser.choose("broken", "1.0")
        index = person.window.browser.table.currentIndex()
        assert index.isValid()
        person.window.browser.cause_clicked.emit()
        await person.sees(lambda: "raise ValueError" in person.window.details.workers.traceback.toPlainText())

    assert not at_the_window(act)


def test_a_taken_port_is_named_and_another_offered(at_the_window: AtTheWindow) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        async def choose(person: Person) -> None:
            dialog = await person.opened(AddressDialog)
            assert dialog.windowTitle() == f"Port {port} is taken"
            [text] = [label.text() for label in dialog.findChildren(QLabel)]
            assert f"(process {os.getpid()})" in text
            dialog.use_other.click()

        async def act(person: Person, _home: Home) -> None:
            assert f":{port}" not in person.addresses["management"]

        assert not at_the_window(act, management_port=port, first=choose)
