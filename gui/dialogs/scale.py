"""How many workers a version has, or several versions. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QSpinBox, QWidget
from typing_extensions import override

from engine.ranges import RANGES
from gui import curl
from gui.dialogs import estimate
from gui.dialogs.operation import OperationDialog
from gui.several import for_each, listed, named
from gui.widgets.basics import Caption
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.snapshots import VersionSnapshot
    from gui.face import EngineFace


class ScaleDialog(OperationDialog):
    """Minimum and maximum of workers, the same for all of the versions; `scaled` are those that were done."""

    def __init__(
        self, engine: EngineFace, versions: Sequence[VersionSnapshot], management: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(tr("Scale {versions}").format(versions=named(versions)), tr("Scale"), parent)
        self._engine = engine
        self._versions = versions
        self._management = management
        self.scaled: list[VersionSnapshot] = []
        if len(versions) > 1:
            self.form.addRow(Caption(listed(versions), wraps=True))
        first = versions[0]
        self.low = self._count(first.min_workers, tr("Minimum workers"), "min_worker")
        self.high = self._count(max(first.max_workers, first.min_workers), tr("Maximum workers"), "max_worker")
        self.refresh()

    def _count(self, value: int, label: str, key: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(*RANGES[key])
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
    def doubt(self) -> str:
        return estimate.shortage(*self._estimates())

    def _estimates(self) -> tuple[estimate.Estimate | None, estimate.Estimate | None]:
        asked = (self._versions, self.low.value(), self._engine.machine())
        return estimate.of_memory(*asked), estimate.of_gpus(*asked)

    @override
    def consequence(self) -> str:
        changes = [self.low.value() - len(version.workers) for version in self._versions]
        starts, stops = sum(max(0, change) for change in changes), sum(max(0, -change) for change in changes)
        return "\n".join(part for part in (self._starting(starts), _stopping(stops), self._automatic()) if part) or tr(
            "Keeps the workers as they are."
        )

    def _starting(self, count: int) -> str:
        if not count:
            return ""
        starts = counted(count, "Starts %n worker", "Starts %n workers")
        return ", ".join(part for part in (starts, estimate.about(*self._estimates())) if part) + "."

    def _automatic(self) -> str:
        low, high = self.low.value(), self.high.value()
        if not high > low:
            return ""
        if not low:
            return tr("With a minimum of 0, no worker starts by itself.")
        return tr(
            "Between {low} and {high}, workers come one by one while requests wait, and go when they have nothing to "
            "do."
        ).format(low=low, high=high)

    @override
    def curl(self) -> str:
        numbers = (self.low.value(), self.high.value())
        return "\n".join(curl.scale(self._management, *version.key, *numbers) for version in self._versions)

    @override
    async def act(self) -> None:
        await for_each(self._versions, self._scale)

    async def _scale(self, version: VersionSnapshot) -> None:
        await self._engine.scale(*version.key, min_workers=self.low.value(), max_workers=self.high.value())
        self.scaled.append(version)


def _stopping(count: int) -> str:
    if not count:
        return ""
    stops = counted(count, "Stops %n worker", "Stops %n workers")
    return (
        tr("{stops} once it has answered what it works on.").format(stops=stops)
        if count == 1
        else tr("{stops} once they have answered what they work on.").format(stops=stops)
    )
