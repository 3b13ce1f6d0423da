"""Opening a dialog and waiting for it on the loop: never `exec()`, which would run other tasks inside this one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PySide6.QtWidgets import QDialog

if TYPE_CHECKING:
    from collections.abc import Callable


@runtime_checkable
class Working(Protocol):
    """A dialog with tasks of its own."""

    async def aclose(self) -> None:
        """End them, so that the dialog can be deleted."""
        ...


async def ask(dialog: QDialog) -> bool:
    """Open the dialog, wait until it is closed, and tell whether it was accepted; the dialog is gone afterwards."""
    closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    finish = _once(closed)
    dialog.finished.connect(finish)
    dialog.open()
    try:
        return await closed == QDialog.DialogCode.Accepted
    finally:
        dialog.finished.disconnect(finish)
        dialog.close()
        if isinstance(dialog, Working):
            await dialog.aclose()
        dialog.deleteLater()


def _once(future: asyncio.Future[int]) -> Callable[[int], None]:
    def finish(result: int) -> None:
        if not future.done():
            future.set_result(result)

    return finish
