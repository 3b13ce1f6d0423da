"""What the actions do: one dialog at a time, opened over the window and awaited. The GUI thread.

An error that belongs to no open dialog goes to the window's banner.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConflictError, MarinaError
from engine.registration import Registration
from engine.snapshots import FAILING
from engine.tasks import TaskGroup
from gui.dialogs.asking import ask
from gui.dialogs.register import RegisterDialog
from gui.dialogs.scale import ScaleDialog
from gui.dialogs.set_default import SetDefaultDialog
from gui.dialogs.unregister import UnregisterDialog
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from PySide6.QtWidgets import QDialog, QWidget

    from engine.snapshots import Progress, VersionSnapshot
    from gui.face import HostFace
    from gui.tables.records import ModelRecord
    from gui.widgets.banner import Banner

SAMPLE = Path(__file__).resolve().parent.parent / "resources" / "sample" / "digits.mar"
log = logging.getLogger(__name__)


class Operations:
    """Runs the dialogs of one window; `registered` is told the name of each model that was."""

    def __init__(self, host: HostFace, window: QWidget, banner: Banner, registered: Callable[[str], None]) -> None:
        self._host = host
        self._window = window
        self._banner = banner
        self._registered = registered
        self._tasks = TaskGroup(self._show_failure)
        self._one_dialog = asyncio.Lock()

    def register_one(self) -> None:
        """Open the register dialog for an archive yet to be chosen."""
        self._start(self._register([None]), "register")

    def register(self, paths: Iterable[Path]) -> None:
        """Open the register dialog, once per archive, one after another."""
        self._start(self._register(list(paths)), "register")

    def load_sample(self) -> None:
        """Copy the sample archive into the store and register it with one worker, unless it is there already."""
        self._start(self._load_sample(), "load the sample")

    def scale(self, version: VersionSnapshot) -> None:
        """Ask how many workers."""
        dialog = ScaleDialog(self._host.engine, version, self._management, self._window)
        self._start(self._ask(dialog), "scale")

    def set_default(self, model: ModelRecord, version: str) -> None:
        """Ask which version is the default, offering this one."""
        dialog = SetDefaultDialog(self._host.engine, model, version, self._management, self._window)
        self._start(self._ask(dialog), "set default")

    def retry(self, version: VersionSnapshot) -> None:
        """Start the version's failed workers again now, without waiting for their turn."""
        self._start(self._retry(version), "retry")

    def unregister(self, versions: Iterable[VersionSnapshot]) -> None:
        """Ask for each version; the first refusal leaves the rest."""
        self._start(self._unregister(list(versions)), "unregister")

    def show(self, dialog: QDialog) -> None:
        """Open a dialog that only tells something."""
        self._start(self._ask(dialog), "show")

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

    async def _register(self, paths: Sequence[Path | None]) -> None:
        for path in paths:
            async with self._one_dialog:
                dialog = RegisterDialog(self._host.engine, self._management, path, self._window)
                if await ask(dialog):
                    self._registered(dialog.registered_name)

    async def _unregister(self, versions: list[VersionSnapshot]) -> None:
        for version in versions:
            dialog = UnregisterDialog(self._host.engine, version, self._management, self._window)
            if not await self._ask(dialog):
                return

    async def _retry(self, version: VersionSnapshot) -> None:
        for worker in version.workers:
            if worker.state in FAILING:
                self._host.engine.retry(*version.key, worker.id)

    async def _load_sample(self) -> None:
        file_name = await self._host.engine.add_to_store(SAMPLE, _unseen)
        summary = await self._host.engine.inspect(file_name)
        with contextlib.suppress(ConflictError):
            await self._host.engine.register(Registration(url=file_name, initial_workers=1))
        self._registered(summary.model_name)

    def _show_failure(self, name: str, error: BaseException) -> None:
        expected = isinstance(error, MarinaError | OSError)
        if not expected:
            log.error("Task %s failed", name, exc_info=error)
        text = str(error) if expected else repr(error)
        self._banner.show_error(tr("Could not {act}: {error}").format(act=tr(name), error=text))


def can_retry(version: VersionSnapshot) -> bool:
    """Whether a worker of the version has failed and does not come up by itself at this moment."""
    return any(worker.state in FAILING for worker in version.workers)


def _unseen(_step: Progress) -> None:
    """Take the progress of a copy too small to show."""
