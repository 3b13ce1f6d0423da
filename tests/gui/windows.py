"""The window as a person has it: running over a host, its dialogs found once they are open."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gui.window import Window
from tests.gui.fakes import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from PySide6.QtWidgets import QDialog

    from gui.theme import Theme
    from tests.gui.fakes import FakeHost


@asynccontextmanager
async def running_window(host: FakeHost, theme: Theme) -> AsyncIterator[Window]:
    """Open a running window for as long as the block lasts, and close it in order."""
    await host.start()
    window = Window(host, theme)
    window.show()
    window.show_running()
    try:
        yield window
    finally:
        await window.aclose()
        window.hide()
        window.deleteLater()


async def opened(window: Window, kind: type[QDialog]) -> Any:
    """Wait for a visible dialog of this kind and return it."""

    def found() -> list[QDialog]:
        return [dialog for dialog in window.findChildren(kind) if dialog.isVisible()]

    await until(lambda: bool(found()))
    return found()[0]
