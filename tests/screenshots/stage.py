"""The real window over a real engine, and the camera. One process per scale; on the loop, which is the GUI thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from engine.home import Home
from gui.application import Application
from gui.theme import Theme
from tests.support.person import Person

SCHEMES = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
# Long enough for what is painted in steps, as the graphs are.
SETTLE = 0.4
D = TypeVar("D", bound=QDialog)


class Stage:
    """What a scene needs: the person at the window, the theme, the home, and where pictures go.

    `warm_up` is for how many seconds models work before the first picture of them; graphs show five minutes.
    """

    def __init__(self, application: Application, theme: Theme, home: Home, pictures: Path, warm_up: float) -> None:
        self.person = Person(application)
        self.home = home
        self.warm_up = warm_up
        self._theme = theme
        self._pictures = pictures

    async def take(self, name: str, widget: QWidget | None = None) -> None:
        """Take pictures of the window, or of this widget, light and dark."""
        shown = widget or self.person.window
        for scheme, chosen in SCHEMES.items():
            self._theme.choose(chosen)
            await asyncio.sleep(SETTLE)
            shown.grab().save(str(self._pictures / f"{name}-{scheme}.png"))
        self._theme.choose(SCHEMES["light"])

    async def take_dialog(
        self, name: str, kind: type[D], open_it: Callable[[], object], prepare: Callable[[D], None] | None = None
    ) -> None:
        """Open a dialog, let `prepare` fill it, take its pictures and close it again."""
        open_it()
        dialog = await self.person.opened(kind)
        await asyncio.sleep(SETTLE)
        if prepare is not None:
            prepare(dialog)
        await self.take(name, dialog)
        dialog.reject()
        await self.person.sees(lambda: not self.person.window.findChildren(kind))

    def choose(self, name: str, version: str | None = None, tab: int | None = None) -> None:
        """Select a model or a version, and a tab of its details."""
        window = self.person.window
        window.browser.choose(name, version)
        if tab is not None:
            window.details.tabs.setCurrentIndex(tab)


Scene = Callable[[Stage], Awaitable[None]]


def app_of() -> QApplication:
    """An application as `marina` makes it."""
    app = QApplication(["marina"])
    app.setOrganizationName("Marina")
    app.setApplicationName("Marina")
    app.setQuitOnLastWindowClosed(False)
    return app
