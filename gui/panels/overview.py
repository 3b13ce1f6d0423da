"""What a version is: the facts of its description as a form. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from gui import theme, words
from gui.widgets.basics import Caption, Label, Panel
from gui.words import tr

if TYPE_CHECKING:
    from engine.snapshots import VersionSnapshot
    from gui.panels.selection import Selection

COLUMNS = 2
CAPTION_WIDTH = 150
VALUE_WIDTH = 260


def facts(version: VersionSnapshot) -> list[tuple[str, str]]:
    """List a version's facts as label and text."""
    state = words.state_name(version.state)
    return [
        (tr("State"), f"{state}: {version.cause}" if version.cause else state),
        (tr("Archive"), version.url),
        (tr("Size"), words.size(version.size)),
        (tr("Handler"), version.handler),
        (tr("Runtime"), version.runtime),
        (tr("Device type"), version.device_type or words.DASH),
        (tr("Loaded at startup"), tr("yes") if version.loaded_at_startup else tr("no")),
        (tr("Workers"), tr("{low} to {high}").format(low=version.min_workers, high=version.max_workers)),
        (tr("Batch size"), words.number(version.batch_size)),
        (tr("Max batch delay"), milliseconds(version.max_batch_delay)),
        (tr("Response timeout"), seconds(version.response_timeout)),
        (tr("Startup timeout"), seconds(version.startup_timeout)),
        (tr("Max retry timeout"), seconds(version.max_retry_timeout)),
        (tr("Client timeout"), seconds(version.client_timeout)),
        (tr("Model configuration"), "\n".join(version.config_problems) or words.DASH),
    ]


def milliseconds(value: int) -> str:
    """Write a delay with its unit."""
    return tr("{value} ms").format(value=words.number(value))


def seconds(value: int) -> str:
    """Write a timeout with its unit; none is a dash."""
    return tr("{value} s").format(value=words.number(value)) if value else words.DASH


class Overview(QScrollArea):
    """The facts in two columns."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Overview"))
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self._values: dict[str, Label] = {}
        inner = Panel()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(4 * theme.GRID)
        self._grid.setVerticalSpacing(2 * theme.GRID)
        self._grid.setColumnStretch(2 * COLUMNS, 1)
        column = QVBoxLayout(inner)
        column.setContentsMargins(4 * theme.GRID, 3 * theme.GRID, 4 * theme.GRID, 3 * theme.GRID)
        column.addLayout(self._grid)
        column.addStretch()
        self.setWidget(inner)

    def show_selection(self, selection: Selection) -> None:
        """Show the version's facts, touching only those that differ."""
        listed = facts(selection.version.snapshot)
        if not self._values:
            self._lay_out([label for label, _ in listed])
        for label, text in listed:
            if self._values[label].text() != text:
                self._values[label].setText(text)

    def _lay_out(self, labels: list[str]) -> None:
        rows = -(-len(labels) // COLUMNS)
        for place, label in enumerate(labels):
            column, row = divmod(place, rows)
            value = Label(selectable=True)
            value.setAccessibleName(label)
            value.setMinimumWidth(VALUE_WIDTH)
            # The only text without a bound of its own.
            value.setWordWrap(label == tr("Model configuration"))
            caption = Caption(label)
            caption.setMinimumWidth(CAPTION_WIDTH)
            self._grid.addWidget(caption, row, 2 * column, Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(value, row, 2 * column + 1)
            self._values[label] = value
