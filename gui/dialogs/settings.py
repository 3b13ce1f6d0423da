"""The settings, on pages: the window's count at once, the server's are saved and count from its next start on.

Who may call has a page as well.

The GUI thread; files are read and written in a thread of the dialog's own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from engine.errors import SettingsError
from engine.home import Home
from engine.settings import read_saved, save
from engine.tasks import TaskGroup
from engine.threads import Threads
from gui import theme
from gui.desktop import autostart
from gui.settings.access_page import AccessPage
from gui.settings.python_check import UnfitPythonError, check
from gui.settings.server_page import ServerPage
from gui.settings.window_page import WindowPage
from gui.widgets.banner import Banner
from gui.widgets.basics import Button, Rule
from gui.widgets.tabs import Tabs
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from engine.tokens import TokenKind
    from gui.face import HostFace
    from gui.preferences import Preferences

SIZE = (880, 640)
SEEN = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
UNSEEN = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)


class SettingsDialog(QDialog):
    """All pages; one act on files or processes at a time is enough, and each ends with the dialog.

    Signals: `restart_wanted` when the server is to start anew with what is saved.
    """

    restart_wanted = Signal()

    def __init__(self, host: HostFace, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._host = host
        self.setWindowTitle(tr("Settings"))
        self.resize(*SIZE)
        self._file = Home.find(os.environ).settings_file
        self._entry = autostart.entry_path(os.environ)
        self._tasks = TaskGroup(self._show_failure)
        self._threads = Threads("marina-settings", 1)
        self._warned = False
        self.banner = Banner()
        self.window_page, self.server_page = WindowPage(preferences), ServerPage(host.settings)
        self.access_page = AccessPage(host)
        self.tabs = Tabs()
        self.tabs.setAccessibleName(tr("Pages"))
        self._pages = QStackedWidget()
        for title, page in (
            (tr("Window"), self.window_page),
            (tr("Server"), self.server_page),
            (tr("Access"), self.access_page),
        ):
            self.tabs.addTab(title)
            self._pages.addWidget(page)
        self._lay_out()
        self._connect()
        self._turn_to(0)

    def _lay_out(self) -> None:
        close = Button(tr("Close"))
        close.setAutoDefault(False)
        buttons = QDialogButtonBox()
        buttons.addButton(close, QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(5 * theme.GRID, 2 * theme.GRID, 5 * theme.GRID, 4 * theme.GRID)
        column.setSpacing(3 * theme.GRID)
        column.addWidget(self.tabs)
        column.addWidget(Rule())
        column.addWidget(self.banner)
        column.addWidget(self._pages, 1)
        column.addWidget(Rule())
        column.addWidget(buttons)

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._turn_to)
        self.access_page.renew_wanted.connect(lambda kind: self._start(self._renew(kind), "renew the token"))
        self.window_page.autostart_wanted.connect(lambda on: self._start(self._switch(on=on), "start at login"))
        self.server_page.save_wanted.connect(lambda changes: self._start(self._save(changes), "save the settings"))
        self.server_page.check_wanted.connect(lambda program: self._start(self._check(program), "check Python"))
        self.server_page.restart_wanted.connect(self._restart)

    def _turn_to(self, place: int) -> None:
        """Show a page, and be as high as it needs; the table of the server's settings takes what there is."""
        pages = (self.window_page, self.server_page, self.access_page)
        for page in pages:
            page.setSizePolicy(SEEN if page is pages[place] else UNSEEN)
        self._pages.setCurrentIndex(place)
        self._column.activate()
        self.resize(self.width(), max(SIZE[1], self.height()) if pages[place] is self.server_page else 0)

    def _start(self, work: Coroutine[object, object, None], name: str) -> None:
        self.banner.hide()
        self._tasks.start(work, name)

    async def _load(self) -> None:
        self.window_page.show_autostart(on=await self._threads.run(autostart.is_on, self._entry))
        self.server_page.show_saved(await self._threads.run(read_saved, self._file))

    async def _switch(self, *, on: bool) -> None:
        try:
            await self._threads.run(autostart.switch, self._entry, autostart.command(os.environ), on=on)
        finally:
            self.window_page.show_autostart(on=await self._threads.run(autostart.is_on, self._entry))

    async def _save(self, changes: Mapping[str, str | None]) -> None:
        await self._threads.run(save, self._file, changes)
        self.server_page.take_as_saved()
        self.banner.show_note(tr("Saved. It takes effect when the server starts the next time."))

    async def _renew(self, kind: TokenKind) -> None:
        await self._host.renew(kind)
        self.access_page.show_tokens()
        self.banner.show_note(tr("Renewed. Programs that use the old token need the new one."))

    async def _check(self, program: str) -> None:
        self.banner.show_note(tr("Asking {program}…").format(program=program))
        self.banner.show_note(await check(program))

    def _show_failure(self, name: str, error: BaseException) -> None:
        if isinstance(error, SettingsError | UnfitPythonError):
            self.banner.show_error(str(error))
        else:
            self.banner.show_error(tr("Could not {act}: {error}").format(act=tr(name), error=error))

    def _restart(self) -> None:
        self.accept()
        self.restart_wanted.emit()

    @override
    def open(self) -> None:
        super().open()
        self._start(self._load(), "read the settings")

    @override
    def reject(self) -> None:
        """Close; with changes that are not saved, say so first, and close when asked again."""
        unsaved = len(self.server_page.drafts.typed)
        if unsaved and not self._warned:
            self._warned = True
            what = counted(unsaved, "%n change is not saved.", "%n changes are not saved.")
            self.banner.show_note(tr("{what} Save, or close again to drop what you typed.").format(what=what))
            self.tabs.setCurrentIndex(self._pages.indexOf(self.server_page))
            return
        super().reject()

    async def aclose(self) -> None:
        """End what runs and wait for it."""
        await self._tasks.aclose()
        self._threads.close()
