"""Registering an archive: where it comes from, what is inside, how it should run. The GUI thread.

Nothing inside an archive runs before the user presses Register; the manifest is read by the engine without running it.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QWidget
from typing_extensions import override

from engine.errors import MarinaError
from engine.registration import Registration
from engine.snapshots import Key, Progress
from engine.tasks import TaskGroup
from gui import curl
from gui.dialogs.disclosure import Toggle
from gui.dialogs.operation import OperationDialog
from gui.dialogs.registering.copies import Copies
from gui.dialogs.registering.facts import Facts
from gui.dialogs.registering.parameters import Parameters
from gui.dialogs.registering.reach import is_remote
from gui.dialogs.registering.sources import FileSource, S3Source, Source, UrlSource
from gui.drops import read_drop
from gui.widgets.basics import Button, Caption
from gui.widgets.tabs import Tabs
from gui.words import base_name, counted, tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.settings import Settings
    from engine.snapshots import ArchiveSummary
    from gui.face import EngineFace

FILE, URL = range(2)


class RegisterDialog(OperationDialog):
    """`source` is a file to copy into the model store first, an address or a name there; None lets the user choose.

    `is_taken` tells whether a version is registered already. When `background` is a task after the dialog has closed,
    the registration goes on, and belongs to whoever takes it.
    """

    def __init__(
        self,
        engine: EngineFace,
        management: str,
        settings: Settings,
        is_taken: Callable[[Key], bool],
        source: Path | str | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(tr("Register model"), tr("Register"), parent)
        self._engine = engine
        self._management = management
        self._is_taken = is_taken
        self._summary: ArchiveSummary | None = None
        self._inspected = ""
        self._registering: asyncio.Task[str] | None = None
        self._copies = Copies(engine)
        self._acts = TaskGroup(_told_in_the_dialog)
        self.background: asyncio.Task[str] | None = None
        self.setAcceptDrops(True)
        self.file, self.url, self.s3 = FileSource(self), UrlSource(settings, self), S3Source(settings, self)
        self.sources: tuple[Source, ...] = (self.file, self.url, self.s3)
        self.facts = Facts()
        self.parameters = Parameters(settings, self)
        self.name = self.parameters.name
        self._add_sources()
        self._add_parameters()
        self._add_background_button()
        self._connect()
        self._show_source()
        self._tasks.start(self._list_archives(), "list the model store")
        self._begin_with(source)

    # The form.

    def _add_sources(self) -> None:
        self.tabs = Tabs()
        self.tabs.setAccessibleName(tr("Where the archive comes from"))
        for source in self.sources:
            self.tabs.addTab(source.title)
        self.form.addRow(self.tabs)
        for label, field in (row for source in self.sources for row in source.rows):
            self.form.addRow(label, field)
        self.form.addRow("", self.facts)

    def _add_parameters(self) -> None:
        for label, field in self.parameters.common:
            self.form.addRow(label, field)
        self.more = Toggle(tr("More options"))
        self.form.addRow(self.more)
        note = Caption(tr("An empty field takes what the archive says, else what the field shows."), wraps=True)
        self._more = [*self.parameters.more, ("", note)]
        for label, field in self._more:
            self.form.addRow(label, field)
        self._show_more(shown=False)

    def _show_more(self, *, shown: bool) -> None:
        for _, field in self._more:
            self.form.setRowVisible(field, shown)

    def _add_background_button(self) -> None:
        self.continue_button = Button(tr("Continue in the background"))
        self.continue_button.setAutoDefault(False)
        self.continue_button.hide()
        self.continue_button.clicked.connect(self._continue)
        self.buttons.addButton(self.continue_button, QDialogButtonBox.ButtonRole.ActionRole)

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._show_source)
        self.more.toggled.connect(lambda shown: self._show_more(shown=shown))
        self.file.chosen.connect(self.take_file)
        self.file.named.connect(self._look_inside)
        for source in self.sources:
            source.changed.connect(self._show_known)
        for button in self._test_buttons:
            button.clicked.connect(self._test)
        for source in (self.url, self.s3):
            # What was found at another address is no longer true.
            source.changed.connect(self.banner.hide)
        self.parameters.changed.connect(self.refresh)

    def _begin_with(self, source: Path | str | None) -> None:
        if isinstance(source, Path):
            self.take_file(str(source))
        elif source and is_remote(source):
            self._show_address(source)
        elif source:
            self.file.archive.setText(source)
            self._look_inside()

    def _show_address(self, url: str) -> None:
        self.url.line.setText(url)
        self.tabs.setCurrentIndex(URL)

    @property
    def source(self) -> Source:
        """Where the archive is to come from."""
        return self.sources[self.tabs.currentIndex()]

    def _show_source(self) -> None:
        for source in self.sources:
            for _, field in source.rows:
                self.form.setRowVisible(field, source is self.source)
        self._show_known()
        if self.isVisible():
            self.source.first.setFocus()

    @override
    def first_field(self) -> QWidget:
        return self.source.first

    # The archive: chosen, copied, looked into.

    def take_file(self, path: str) -> None:
        """Copy this file into the model store, then look inside the copy."""
        if self.is_idle:
            self.tabs.setCurrentIndex(FILE)
            self.run(self._add(Path(path)))

    async def _list_archives(self) -> None:
        with contextlib.suppress(MarinaError, OSError):
            self.file.offer(await self._engine.stored_archives())

    async def _add(self, path: Path) -> None:
        self.file.archive.setText(path.name)
        file_name = await self._copies.add(path, self.show_step)
        self.file.archive.setText(file_name)
        await self._inspect(file_name)

    def _look_inside(self) -> None:
        name = self.file.url
        if is_remote(name):
            self.file.archive.clear()
            self._show_address(name)
        elif name and self._known is None and self.is_idle and self.source is self.file:
            self.run(self._inspect(name))

    async def _inspect(self, file_name: str) -> None:
        self._summary = await self._engine.inspect(file_name)
        self._inspected = file_name
        self._show_known()

    def _show_known(self) -> None:
        """Show what is known of the archive that is named now."""
        known = self._known
        self.parameters.show_summary(known)
        self.form.setRowVisible(self.facts, known is not None)
        if known is not None:
            self.facts.show_summary(known)
        self.refresh()

    @property
    def _known(self) -> ArchiveSummary | None:
        return self._summary if self.source is self.file and self.file.url == self._inspected else None

    # Trying an address.

    @property
    def _test_buttons(self) -> tuple[Button, Button]:
        return self.url.test, self.s3.test

    def _test(self) -> None:
        if self.is_idle and not self.source.problem():
            self.run(self._try_source())

    async def _try_source(self) -> None:
        self.show_step(Progress("testing", 0, 0))
        self.banner.show_note(await self._engine.try_source(self.registration()))

    # What the frame asks.

    @override
    def problem(self) -> str:
        if not self.is_idle:
            return tr("Reading the archive…") if self._registering is None else tr("Registering…")
        if problem := self.source.problem():
            return problem
        if self._known is None and self.source is self.file:
            return tr("The archive has not been read. Press Tab to look inside.")
        return self.parameters.problem() or self._conflict()

    def _conflict(self) -> str:
        summary = self._known
        if summary is None or not self._is_taken(Key(self.registered_name, summary.version)):
            return ""
        return tr("{name} {version} is registered already. Type another model name, or unregister it first.").format(
            name=self.registered_name, version=summary.version
        )

    @override
    def refresh(self) -> None:
        self.s3.show_signing()
        for button in self._test_buttons:
            button.setEnabled(self.is_idle and not self.source.problem())
        self.continue_button.setVisible(self._registering is not None and not self.is_idle)
        super().refresh()

    @override
    def consequence(self) -> str:
        name = self.registered_name or base_name(self.source.url)
        workers = self.parameters.initial_workers.value
        if workers is None:
            return tr("Registers {name} with the default number of workers.").format(name=name)
        if workers == 0:
            return tr("Registers {name} without workers. Scale it to serve.").format(name=name)
        starts = counted(workers, "starts %n worker", "starts %n workers")
        return tr("Registers {name} and {starts}.").format(name=name, starts=starts)

    @override
    def curl(self) -> str:
        return curl.register(self._management, self.registration())

    def registration(self) -> Registration:
        """Return what the form says; what the archive says already is left out."""
        source = self.source
        return self.parameters.fill(
            Registration(url=source.url, s3_sse_kms=source.is_signed, s3_profile=source.profile)
        )

    @property
    def registered_name(self) -> str:
        """The name under which the model is registered, empty while only the engine can tell."""
        return self.name.text()

    # Registering, here or in the background.

    @override
    async def act(self) -> None:
        self.show_step(Progress("registering", 0, 0))
        work = self._engine.register(self.registration(), self._show_step_here)
        self._registering = self._acts.start(work, self.windowTitle())
        self.refresh()
        try:
            # A wait that is cancelled leaves the task alone: it may go on in the background.
            await asyncio.wait({self._registering})
            self._registering.result()
        finally:
            self._registering = None

    def _show_step_here(self, step: Progress) -> None:
        if self.background is None:
            self.show_step(step)

    def _continue(self) -> None:
        self.background = self._registering
        self.accept()

    @override
    async def aclose(self) -> None:
        await super().aclose()
        if self.background is None:
            await self._acts.aclose()
        registered = self.result() == QDialog.DialogCode.Accepted
        await self._copies.discard(but=self.file.url if registered else "")

    # Drops.

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.is_idle and read_drop(event.mimeData()).archives:
            event.acceptProposedAction()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        if archives := read_drop(event.mimeData()).archives:
            self._begin_with(archives[0])


def _told_in_the_dialog(_name: str, _error: BaseException) -> None:
    """Leave a failure to whoever waits for it: the dialog, or who took the task."""
