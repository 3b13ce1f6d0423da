"""How full the machine's GPUs and its processors are, and which processes hold a GPU's memory. The GUI thread.

Looked at once a second and only while it is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QFocusEvent, QHideEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QToolTip, QVBoxLayout, QWidget
from typing_extensions import override

from gui import theme, words
from gui.panels.process_names import ProcessNames
from gui.widgets.basics import Caption, Label, Progress
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.snapshots import GpuSnapshot, Machine
    from gui.face import EngineFace
    from gui.tables.catalog import Catalog
    from gui.tables.records import VersionRecord

LOOK_MS = 1000
# Every so many looks the names of strange processes are asked for anew.
LOOKS_PER_NAMES = 5
FULL = 1000
PERCENT = 100
MAKERS = ("NVIDIA ", "AMD ", "GeForce ")
# Holders named in a tool tip; the rest is counted.
MOST_HOLDERS = 12


class Device(QWidget):
    """Name, bar and one line; the keyboard reaches it, and then it tells what its tool tip tells."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.name, self.bar, self.line = Label(), Progress(), Caption()
        self.name.setFont(theme.small(self.name.font()))
        self.bar.setRange(0, FULL)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, theme.GRID)
        column.setSpacing(theme.GRID)
        for widget in (self.name, self.bar, self.line):
            column.addWidget(widget)

    def tell(self, name: str, share: float, line: str, tip: str) -> None:
        """Show how full it is: `share` from 0 to 1, and in words."""
        self.name.setText(name)
        self.bar.setValue(round(share * FULL))
        self.line.setText(line)
        if tip != self.toolTip():
            self.setToolTip(tip)
        said = f"{name}: {line}"
        if said != self.accessibleName():
            self.setAccessibleName(said)
            self.setAccessibleDescription(tip)

    @override
    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        QToolTip.showText(self.mapToGlobal(QPoint(self.width() + 2 * theme.GRID, 0)), self.toolTip(), self)

    @override
    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        QToolTip.hideText()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        if self.hasFocus():
            painter = QPainter(self)
            painter.setPen(QPen(theme.tokens(self.palette()).accent, 1))
            bottom = self.height() - 1
            painter.drawLine(0, bottom, self.width(), bottom)
            painter.end()


class Devices(QWidget):
    """A caption, each GPU, and the processors."""

    def __init__(self, engine: EngineFace, catalog: Catalog, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._catalog = catalog
        self._names = ProcessNames(self)
        self._looks = 0
        self.gpus: dict[int, Device] = {}
        self.processors = Device()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.GRID)
        self._column.addWidget(Caption(tr("Devices")))
        self._column.addWidget(self.processors)

    def look(self) -> None:
        """Show the machine as it is now."""
        machine = self._engine.machine()
        holders = _workers_by_pid(self._catalog) if machine.gpus else {}
        if self._looks % LOOKS_PER_NAMES == 0:
            self._names.look_up({pid for gpu in machine.gpus for pid in gpu.processes} - holders.keys())
        self._looks += 1
        for gpu in machine.gpus:
            used = words.share_of(gpu.memory_used, gpu.memory_total)
            share = gpu.memory_used / gpu.memory_total if gpu.memory_total else 0.0
            line = tr("{used} · {percent} %").format(used=used, percent=gpu.utilization)
            tip = self._holders(gpu, holders)
            self._device(gpu.id).tell(
                tr("GPU {id} · {name}").format(id=gpu.id, name=_short(gpu.name)), share, line, tip
            )
        self._show_processors(machine)

    def _show_processors(self, machine: Machine) -> None:
        cores = words.counted(machine.cores, "CPU · %n core", "CPU · %n cores")
        if not machine.memory_total:
            self.processors.tell(cores, 0.0, words.DASH, tr("Not measured yet"))
            return
        memory = words.share_of(machine.memory_used, machine.memory_total)
        line = tr("{percent} % · {memory}").format(percent=round(machine.cpu), memory=memory)
        tip = tr("All processors {percent} % busy, {memory} of memory in use").format(
            percent=round(machine.cpu), memory=memory
        )
        self.processors.tell(cores, machine.cpu / PERCENT, line, tip)

    def _device(self, gpu: int) -> Device:
        if gpu not in self.gpus:
            self.gpus[gpu] = Device()
            self._column.insertWidget(self._column.count() - 1, self.gpus[gpu])
        return self.gpus[gpu]

    def _holders(self, gpu: GpuSnapshot, workers: Mapping[int, str]) -> str:
        """Which processes hold the GPU's memory, the largest first."""
        largest = sorted(gpu.processes.items(), key=lambda held: -held[1])
        lines = [
            f"{words.size(memory)}  {workers.get(pid) or stranger(pid, self._names[pid])}"
            for pid, memory in largest[:MOST_HOLDERS]
        ]
        if len(largest) > MOST_HOLDERS:
            lines.append(words.counted(len(largest) - MOST_HOLDERS, "and %n more", "and %n more"))
        head = tr("Who holds the memory of GPU {id}:") if lines else tr("No process holds memory of GPU {id}")
        return "\n".join([head.format(id=gpu.id), *lines])

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()
        self._timer.start()

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()


def _short(name: str) -> str:
    """Shorten "NVIDIA H200" to "H200"."""
    for maker in MAKERS:
        name = name.removeprefix(maker)
    return name


def _workers_by_pid(catalog: Iterable[VersionRecord]) -> dict[int, str]:
    """Our workers on GPUs in words, by pid."""
    return {
        worker.pid: tr("{model} {version}, worker {worker}").format(
            model=record.snapshot.key.name, version=record.snapshot.key.version, worker=worker.id
        )
        for record in catalog
        for worker in record.snapshot.workers
        if worker.pid is not None and worker.gpu_memory is not None
    }


def stranger(pid: int, name: str) -> str:
    """A process that is not ours, in words."""
    if not name:
        return tr("process {pid}").format(pid=pid)
    return tr("{name}, process {pid}").format(name=name, pid=pid)
