"""Taking versions away, with what is lost named first. The GUI thread."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from typing_extensions import override

from gui import curl
from gui.dialogs.operation import OperationDialog
from gui.dialogs.registering.reach import is_remote
from gui.several import for_each, listed, named, title
from gui.undo import remember
from gui.widgets.basics import Caption
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtWidgets import QWidget

    from engine.snapshots import VersionSnapshot
    from gui.face import EngineFace
    from gui.undo import Kept


class UnregisterDialog(OperationDialog):
    """Cancel is the default; Enter destroys nothing.

    `versions` have their defaults last, `siblings` tells how many versions a model has. `gone` are those that
    went, each as it was right before.
    """

    def __init__(
        self,
        engine: EngineFace,
        versions: Sequence[VersionSnapshot],
        siblings: Callable[[str], int],
        management: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("", tr("Unregister"), parent, destructive=True)
        self._engine = engine
        self._left = list(versions)
        self._siblings = siblings
        self._management = management
        self.list = Caption(wraps=True)
        self.form.addRow(self.list)
        self.gone: list[Kept] = []
        self.refresh()

    @override
    def refresh(self) -> None:
        self.setWindowTitle(tr("Unregister {versions}?").format(versions=named(self._left)))
        self.list.setText(listed(self._left))
        self.form.setRowVisible(self.list, len(self._left) > 1)
        super().refresh()

    @override
    def problem(self) -> str:
        chosen = Counter(version.key.name for version in self._left)
        for version in self._left:
            if version.is_default and chosen[version.key.name] < self._siblings(version.key.name):
                return tr(
                    "{title} answers requests without a version. Make another version the default first, "
                    "or unregister all versions of {name}."
                ).format(title=title(version), name=version.key.name)
        return ""

    @override
    def consequence(self) -> str:
        waiting = sum(version.queue.pending + version.queue.in_flight for version in self._left)
        workers = sum(len(version.workers) for version in self._left)
        parts = [
            counted(workers, "Stops %n worker.", "Stops %n workers.") if workers else "",
            counted(waiting, "%n request is answered first.", "%n requests are answered first.") if waiting else "",
            *self._archives(),
            tr("You can undo this for 10 seconds."),
        ]
        return " ".join(part for part in parts if part)

    def _archives(self) -> list[str]:
        fetched = sum(is_remote(version.url) for version in self._left)
        kept = len(self._left) - fetched
        return [
            counted(kept, "The archive stays in the model store.", "%n archives stay in the model store.")
            if kept
            else "",
            counted(
                fetched,
                "The archive came by URL and is deleted; undoing this downloads it again.",
                "%n archives came by URL and are deleted; undoing this downloads them again.",
            )
            if fetched
            else "",
        ]

    @override
    def curl(self) -> str:
        return "\n".join(curl.unregister(self._management, *version.key) for version in self._left)

    @override
    async def act(self) -> None:
        try:
            await for_each(self._left, self._unregister)
        finally:
            gone = {kept.key for kept in self.gone}
            self._left = [version for version in self._left if version.key not in gone] or self._left

    async def _unregister(self, version: VersionSnapshot) -> None:
        kept = remember(self._engine, version)
        await self._engine.unregister(*version.key)
        self.gone.append(kept)
