"""What the actions do: one dialog at a time, opened over the window and awaited. The GUI thread.

An error that belongs to no open dialog goes to the window's banner.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from engine.errors import CancelledActError, ConflictError, MarinaError
from engine.registration import Registration
from engine.snapshots import FAILING
from engine.tasks import TaskGroup
from engine.threads import Threads
from gui import sample
from gui.desktop.openings import MOST_OPEN, look
from gui.dialogs.asking import ask
from gui.dialogs.make_archive import MakeArchiveDialog
from gui.dialogs.register import RegisterDialog
from gui.dialogs.scale import ScaleDialog
from gui.dialogs.set_default import SetDefaultDialog
from gui.dialogs.unregister import UnregisterDialog
from gui.drops import sort_out
from gui.several import for_each, named
from gui.undo import Undo, bring_back, scale_back
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
    from pathlib import Path

    from PySide6.QtWidgets import QDialog, QWidget

    from engine.snapshots import Key, Progress, VersionSnapshot
    from gui.drops import Drop
    from gui.face import HostFace
    from gui.panels.undo_strip import UndoStrip
    from gui.tables.catalog import Catalog
    from gui.tables.records import ModelRecord
    from gui.widgets.banner import Banner

log = logging.getLogger(__name__)


class Operations:
    """Runs the dialogs of one window; `registered` is told the name of each model that was.

    What can be taken back is offered in the undo strip, with the same operations.
    """

    def __init__(
        self,
        host: HostFace,
        window: QWidget,
        catalog: Catalog,
        banner: Banner,
        undo: UndoStrip,
        registered: Callable[[str], None],
    ) -> None:
        self._host = host
        self._window = window
        self._catalog = catalog
        self._banner = banner
        self._undo = undo
        self._registered = registered
        undo.undone.connect(self._take_back)
        self._tasks = TaskGroup(self._show_failure)
        self._one_dialog = asyncio.Lock()
        # Of what Marina was asked to open, how much has not been seen yet.
        self._opening = 0

    def register_one(self) -> None:
        """Open the register dialog for an archive yet to be chosen."""
        self._start(self._register([None]), "register")

    def register(self, paths: Iterable[Path | str]) -> None:
        """Open the register dialog, once per file, address or name in the store, one after another."""
        self._start(self._register(list(paths)), "register")

    def make_archive(self, paths: Sequence[Path]) -> None:
        """Ask what goes into an archive, beginning with these files and folders, and offer to register it."""
        self._start(self._make_archive(paths), "make an archive")

    def receive(self, drop: Drop) -> None:
        """Offer to register what was dropped, or to make archives of it; say why not."""
        self._start(self._receive(drop), "take what was dropped")

    def open(self, given: Sequence[Path | str]) -> None:
        """Offer to register what Marina was asked to open, as far as there is room for it to wait; say why not."""
        self._start(self._open(given), "open")

    def load_sample(self) -> None:
        """Copy the sample archive into the store and register it with one worker, unless it is there already."""
        self._start(self._load_sample(), "load the sample")

    def scale(self, versions: Sequence[VersionSnapshot]) -> None:
        """Ask how many workers, once for all of them."""
        if versions:
            self._start(self._scale(versions), "scale")

    def set_default(self, model: ModelRecord, version: str) -> None:
        """Ask which version is the default, offering this one."""
        self._start(self._set_default(model, version), "set default")

    def retry(self, versions: Iterable[VersionSnapshot]) -> None:
        """Start the versions' failed workers again now, without waiting for their turn."""
        self._start(for_each(versions, self._retry), "retry")

    def unregister(self, versions: Sequence[VersionSnapshot]) -> None:
        """Ask once for all of them, of which defaults come last."""
        if versions:
            self._start(self._unregister(versions), "unregister")

    def show(self, dialog: QDialog) -> None:
        """Open a dialog that only tells something."""
        self._start(self._ask(dialog), "show")

    def run(self, work: Coroutine[object, object, object], name: str) -> None:
        """Do somebody else's work; what fails is told as "Could not `name`"."""
        self._start(work, name)

    async def ask(self, dialog: QDialog) -> bool:
        """Open a dialog once no other is open, and tell whether it was accepted."""
        return await self._ask(dialog)

    async def aclose(self) -> None:
        """Close what is open and end what runs."""
        await self._tasks.aclose()

    @property
    def _management(self) -> str:
        return self._host.addresses.get("management", "http://127.0.0.1:8081")

    def _start(self, work: Coroutine[object, object, object], name: str) -> None:
        self._tasks.start(work, name)

    async def _ask(self, dialog: QDialog) -> bool:
        async with self._one_dialog:
            return await ask(dialog)

    async def _register(self, paths: Sequence[Path | str | None]) -> None:
        for path in paths:
            async with self._one_dialog:
                dialog = RegisterDialog(
                    self._host.engine, self._management, self._host.settings, self._is_taken, path, self._window
                )
                accepted = await ask(dialog)
            if dialog.background is not None:
                self._start(_finish(dialog.background), "register in the background")
            elif accepted:
                self._registered(dialog.registered_name)

    async def _make_archive(self, paths: Sequence[Path]) -> None:
        dialog = MakeArchiveDialog(self._host.engine, paths, self._window)
        if await self._ask(dialog) and dialog.made is not None:
            await self._register([dialog.made])

    async def _receive(self, drop: Drop) -> None:
        makings = await sort_out(drop, self._host.engine)
        if makings.refused:
            self._banner.show_error("\n".join(makings.refused))
        await self._register(drop.archives)
        for paths in makings.archives:
            await self._make_archive(paths)

    async def _open(self, given: Sequence[Path | str]) -> None:
        room = MOST_OPEN - self._opening
        taken = min(room, len(given))
        self._opening += taken
        threads = Threads("marina-open", 1)
        try:
            await self._receive(await threads.run(look, given, room))
        finally:
            threads.close()
            self._opening -= taken

    def _is_taken(self, key: Key) -> bool:
        return self._catalog.version(key) is not None

    async def _scale(self, versions: Sequence[VersionSnapshot]) -> None:
        dialog = ScaleDialog(self._host.engine, versions, self._management, self._window)
        await self._ask(dialog)
        if done := dialog.scaled:
            text = tr("Scaled {versions}").format(versions=named(done))
            self._undo.offer(Undo(text, lambda: scale_back(self._host.engine, done)))

    async def _set_default(self, model: ModelRecord, version: str) -> None:
        dialog = SetDefaultDialog(self._host.engine, model, version, self._management, self._window)
        if await self._ask(dialog):
            text = tr("The default of {name} is {version}").format(name=model.name, version=dialog.chosen)
            self._undo.offer(Undo(text, lambda: self._make_default(model.name, dialog.current)))

    async def _make_default(self, name: str, version: str) -> None:
        await self._host.engine.set_default(name, version)

    async def _unregister(self, versions: Sequence[VersionSnapshot]) -> None:
        dialog = UnregisterDialog(self._host.engine, versions, self._count_versions, self._management, self._window)
        await self._ask(dialog)
        if gone := dialog.gone:
            text = tr("Unregistered {versions}").format(versions=named(gone))
            self._undo.offer(Undo(text, lambda: bring_back(self._host.engine, gone)))

    def _count_versions(self, name: str) -> int:
        model = self._catalog.models.get(name)
        return len(model.versions) if model else 0

    def _take_back(self, undo: Undo) -> None:
        self._start(undo.back(), "undo")

    async def _retry(self, version: VersionSnapshot) -> None:
        for worker in version.workers:
            if worker.state in FAILING:
                self._host.engine.retry(*version.key, worker.id)

    async def _load_sample(self) -> None:
        file_name = await self._host.engine.add_to_store(sample.ARCHIVE, _unseen)
        summary = await self._host.engine.inspect(file_name)
        with contextlib.suppress(ConflictError):
            await self._host.engine.register(Registration(url=file_name, initial_workers=1))
        self._registered(summary.model_name)

    def _show_failure(self, name: str, error: BaseException) -> None:
        if isinstance(error, CancelledActError):
            return
        expected = isinstance(error, MarinaError | OSError)
        if not expected:
            log.error("Task %s failed", name, exc_info=error)
        text = str(error) if expected else repr(error)
        self._banner.show_error(tr("Could not {act}: {error}").format(act=tr(name), error=text))


def can_retry(version: VersionSnapshot) -> bool:
    """Whether a worker of the version has failed and does not come up by itself at this moment."""
    return any(worker.state in FAILING for worker in version.workers)


async def _finish(registering: Awaitable[object]) -> None:
    """Wait for what goes on without its dialog, so that its failure is told."""
    await registering


def _unseen(_step: Progress) -> None:
    """Take the progress of a copy too small to show."""
