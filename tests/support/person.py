"""Somebody who looks at Marina's window and uses it. On the Qt loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QDialog

from engine.snapshots import Key, VersionSnapshot
from gui.application import Application
from gui.dialogs.operation import OperationDialog
from gui.window import Window

PATIENCE = 40.0  # seconds; two workers import torch at once on a small machine
D = TypeVar("D", bound=OperationDialog)
W = TypeVar("W", bound=QDialog)


class Person:
    """Looks at the window and uses it, as slowly as the machine makes it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    @property
    def window(self) -> Window:
        assert self.application.window is not None
        return self.application.window

    async def sees(self, what: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not what():  # noqa: ASYNC110 - what a window shows has no event to wait for
                await asyncio.sleep(0.02)

    @property
    def addresses(self) -> Mapping[str, str]:
        return self.window._host.addresses

    async def opened(self, kind: type[W]) -> W:
        def shown() -> list[W]:
            return [dialog for dialog in self.window.findChildren(kind) if dialog.isVisible()]

        await self.sees(lambda: self.application.window and shown())
        return shown()[0]

    async def dialog(self, kind: type[D]) -> D:
        dialog = await self.opened(kind)
        await self.sees(lambda: dialog.accept_button.isEnabled() or dialog.banner.isVisible())
        assert not dialog.banner.isVisible(), dialog.banner.text.text()
        return dialog

    async def chooses(self, action: QAction) -> None:
        """Trigger an action as soon as the window offers it, which is a moment after it shows what it is for."""
        await self.sees(action.isEnabled)
        action.trigger()

    async def accepts(self, dialog: OperationDialog) -> None:
        finished: list[int] = []
        dialog.finished.connect(finished.append)
        dialog.accept_button.click()
        await self.sees(lambda: finished or dialog.banner.isVisible())
        assert finished == [QDialog.DialogCode.Accepted]

    def row(self, name: str, version: str) -> VersionSnapshot | None:
        record = self.window.catalog.version(Key(name, version))
        return None if record is None else record.snapshot

    def drops(self, path: Path) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self.window, QDragEnterEvent(QPoint(300, 300), *how))
        QApplication.sendEvent(self.window, QDropEvent(QPointF(300, 300), *how))

    async def ready(self, name: str, version: str, workers: int) -> VersionSnapshot:
        def is_ready() -> bool:
            row = self.row(name, version)
            return row is not None and row.ready_workers == len(row.workers) == workers

        await self.sees(is_ready)
        row = self.row(name, version)
        assert row is not None
        return row
