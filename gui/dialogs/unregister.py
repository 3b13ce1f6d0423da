"""Taking a version away, with what is lost named first. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from gui import curl
from gui.dialogs.operation import OperationDialog
from gui.words import counted, tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from engine.snapshots import VersionSnapshot
    from gui.face import EngineFace


class UnregisterDialog(OperationDialog):
    """Cancel is the default; Enter destroys nothing."""

    def __init__(
        self, engine: EngineFace, version: VersionSnapshot, management: str, parent: QWidget | None = None
    ) -> None:
        title = tr("Unregister {name} {version}?").format(**version.key._asdict())
        super().__init__(title, tr("Unregister"), parent, destructive=True)
        self._engine = engine
        self._version = version
        self._management = management
        self.refresh()

    @override
    def consequence(self) -> str:
        version = self._version
        waiting = version.queue.pending + version.queue.in_flight
        workers = len(version.workers)
        parts = [
            counted(workers, "Stops %n worker.", "Stops %n workers.") if workers else "",
            counted(waiting, "%n request is answered first.", "%n requests are answered first.") if waiting else "",
            tr("The archive stays in the model store."),
        ]
        return " ".join(part for part in parts if part)

    @override
    def curl(self) -> str:
        return curl.unregister(self._management, *self._version.key)

    @override
    async def act(self) -> None:
        await self._engine.unregister(*self._version.key)
