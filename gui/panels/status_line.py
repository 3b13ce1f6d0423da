"""The window's last line: server state, addresses to copy, totals. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget
from typing_extensions import override

from engine.snapshots import VersionState
from gui import theme, words
from gui.marks import SIZE, paint_mark
from gui.panels.sidebar import short_address
from gui.widgets.basics import Caption, CopyLink, Label, Panel
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.snapshots import Machine
    from gui.tables.catalog import Totals


class Mark(QWidget):
    """One state's mark as a widget."""

    def __init__(self, state: VersionState) -> None:
        super().__init__()
        self._state = state
        self.setFixedSize(QSize(round(SIZE) + 4, round(SIZE) + 4))

    def set_state(self, state: VersionState) -> None:
        """Show this state's mark from now on."""
        self._state = state
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        centre = QPointF(self.width() / 2, self.height() / 2)
        paint_mark(painter, centre, self._state, theme.tokens(self.palette()).states[self._state])
        painter.end()


class StatusLine(Panel):
    """Left: state and addresses. Right: requests per second, jobs waiting, memory."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setFixedHeight(theme.STATUS_HEIGHT)
        self.setFont(theme.small(self.font()))
        self._mark = Mark(VersionState.LOADING)
        self.state = Label()
        self.state.setFont(theme.semibold(theme.small(self.state.font())))
        self._addresses = QHBoxLayout()
        self._addresses.setSpacing(theme.GRID)
        self._doors = QHBoxLayout()
        self.totals = Caption()
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.PADDING, 0, theme.PADDING, 0)
        row.setSpacing(theme.GRID)
        row.addWidget(self._mark)
        row.addWidget(self.state)
        row.addSpacing(4 * theme.GRID)
        row.addLayout(self._addresses)
        row.addLayout(self._doors)
        row.addStretch()
        row.addWidget(self.totals)

    def show_state(self, state: VersionState, text: str) -> None:
        """Show what the server is doing: a mark and a word."""
        self._mark.set_state(state)
        self.state.setText(text)

    def show_addresses(self, addresses: Mapping[str, str]) -> None:
        """Show each listener's name and address."""
        _empty(self._addresses)
        for name, address in addresses.items():
            link = CopyLink(short_address(address), address)
            link.setFont(self.state.font())
            self._addresses.addWidget(Caption(tr(name)))
            self._addresses.addWidget(link)
            self._addresses.addSpacing(3 * theme.GRID)

    def show_doors(self, doors: Sequence[str]) -> None:
        """Say in red that settings open what Marina does not open by itself; nothing when they do not."""
        _empty(self._doors)
        if doors:
            link = CopyLink(counted(len(doors), "✕ %n open door", "✕ %n open doors"), "\n".join(doors), alarm=True)
            link.setFont(self.state.font())
            self._doors.addWidget(link)

    def show_totals(self, totals: Totals, machine: Machine) -> None:
        """Sum up what is going on; parts that would say zero are left out."""
        parts = [
            tr("{rate} requests/s").format(rate=words.rate(totals.requests)) if totals.requests else "",
            tr("{count} queued").format(count=words.number(totals.pending)) if totals.pending else "",
            counted(totals.ready, "%n worker", "%n workers") if totals.ready else "",
            words.size(totals.memory) if totals.memory else "",
            _gpu_memory(machine),
        ]
        self.totals.setText("     ".join(part for part in parts if part))


def _empty(layout: QHBoxLayout) -> None:
    while item := layout.takeAt(0):
        if widget := item.widget():
            widget.deleteLater()


def _gpu_memory(machine: Machine) -> str:
    """How much of all GPUs' memory is taken, nothing without a GPU."""
    used = sum(gpu.memory_used for gpu in machine.gpus)
    total = sum(gpu.memory_total for gpu in machine.gpus)
    return tr("GPU {share}").format(share=words.share_of(used, total)) if total else ""
