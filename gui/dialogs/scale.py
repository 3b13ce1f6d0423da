"""How many workers a version has. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QSpinBox, QWidget
from typing_extensions import override

from gui import curl
from gui.dialogs.operation import OperationDialog
from gui.words import counted, tr

if TYPE_CHECKING:
    from engine.snapshots import VersionSnapshot
    from gui.face import EngineFace

MOST = 1000


class ScaleDialog(OperationDialog):
    """Minimum and maximum of workers."""

    def __init__(
        self, engine: EngineFace, version: VersionSnapshot, management: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(tr("Scale {name} {version}").format(**version.key._asdict()), tr("Scale"), parent)
        self._engine = engine
        self._version = version
        self._management = management
        self.low = self._count(version.min_workers, tr("Minimum workers"))
        self.high = self._count(max(version.max_workers, version.min_workers), tr("Maximum workers"))
        self.refresh()

    def _count(self, value: int, label: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(0, MOST)
        box.setValue(value)
        box.setAccessibleName(label)
        box.valueChanged.connect(self.refresh)
        self.form.addRow(label, box)
        return box

    @override
    def problem(self) -> str:
        if self.high.value() < self.low.value():
            return tr("The maximum is below the minimum. Raise it to at least {low}.").format(low=self.low.value())
        return ""

    @override
    def consequence(self) -> str:
        change = self.low.value() - len(self._version.workers)
        if change > 0:
            return counted(change, "Starts %n worker.", "Starts %n workers.")
        if change < 0:
            stops = counted(-change, "Stops %n worker", "Stops %n workers")
            return tr("{stops} once it has answered what it works on.").format(stops=stops)
        return tr("Keeps the workers as they are.")

    @override
    def curl(self) -> str:
        return curl.scale(self._management, *self._version.key, self.low.value(), self.high.value())

    @override
    async def act(self) -> None:
        key = self._version.key
        await self._engine.scale(key.name, key.version, min_workers=self.low.value(), max_workers=self.high.value())
