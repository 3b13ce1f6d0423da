"""What the window writes for people: log lines and diagnostics, in a thread of its own. The GUI thread.

Where to is asked by a file dialog that is opened and awaited; a failure goes to the banner.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDir, QStandardPaths
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from engine.errors import MarinaError
from engine.home import Home
from engine.threads import Threads
from gui import diagnostics
from gui.logs.text import plain_text
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.snapshots import Key, LogLine
    from gui.diagnostics import Diagnosis
    from gui.face import HostFace
    from gui.logs.book import Row
    from gui.operations import Operations
    from gui.tables.catalog import Catalog
    from gui.widgets.banner import Banner


class Filing:
    """Asks for a file, writes it whole or not at all, and says in the banner where it is."""

    def __init__(
        self, host: HostFace, catalog: Catalog, operations: Operations, banner: Banner, window: QWidget
    ) -> None:
        self._host = host
        self._catalog = catalog
        self._operations = operations
        self._banner = banner
        self._window = window
        self._threads = Threads("marina-filing", 1)

    def save_log(self, key: Key, rows: Sequence[Row]) -> None:
        """Save these lines of a version's log."""
        self._operations.run(self._save_log(key, rows), "save the log")

    def copy_log(self, rows: Sequence[Row]) -> None:
        """Put these lines on the clipboard."""
        self._operations.run(self._copy_log(rows), "copy the lines")

    def save_diagnostics(self) -> None:
        """Save what helps to find out why something fails."""
        self._operations.run(self._save_diagnostics(), "save the diagnostics")

    def close(self) -> None:
        """Wait for what is being written; call it when the operations are closed."""
        self._threads.close()

    async def _copy_log(self, rows: Sequence[Row]) -> None:
        QGuiApplication.clipboard().setText(await self._threads.run(plain_text, rows))

    async def _save_log(self, key: Key, rows: Sequence[Row]) -> None:
        name = f"{key.name}-{key.version}.log".replace("/", "_")
        if path := await self._where(tr("Save the log of {name} {version}").format(**key._asdict()), name):
            await self._threads.run(_write_log, path, rows)
            self._banner.show_note(tr("Saved the lines as {path}.").format(path=path))

    async def _save_diagnostics(self) -> None:
        name = f"marina-diagnostics-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}.zip"
        if path := await self._where(tr("Save diagnostics"), name):
            found = self._gather()
            await self._threads.run_cancellable(lambda _report, cancel: diagnostics.write(found, path, cancel), None)
            told = tr("Saved the diagnostics as {path}. They hold log lines and names: look before you pass them on.")
            self._banner.show_note(told.format(path=path))

    def _gather(self) -> Diagnosis:
        versions = [record.snapshot for record in self._catalog]
        logs = Home.find(os.environ).logs
        return diagnostics.gather(self._host.settings, self._host.engine.machine(), versions, self._lines_of, logs)

    def _lines_of(self, key: Key) -> tuple[LogLine, ...]:
        try:
            return self._host.engine.log(*key).lines
        except MarinaError:
            return ()  # unregistered a moment ago

    async def _where(self, title: str, name: str) -> Path | None:
        documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        folder = documents if QDir(documents).exists() else QDir.homePath()
        dialog = QFileDialog(self._window, title, folder)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        dialog.setDefaultSuffix(Path(name).suffix.removeprefix("."))
        dialog.selectFile(name)
        if await self._operations.ask(dialog):
            return Path(dialog.selectedFiles()[0])
        return None


def _write_log(path: Path, rows: Sequence[Row]) -> None:
    """Write the lines whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(plain_text(rows), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
