"""The parts of a form, one row each: name, text or file, remove. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from gui import theme
from gui.tryit.files import choose_file
from gui.tryit.request import Part
from gui.widgets.basics import Button, Panel
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAME_CHARACTERS = 18
NAME_SHOWN = 40
TEXT, FILE = range(2)


class FileField(Button):
    """A button that says which file was chosen, and chooses another."""

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__(tr("Choose a file…"))
        self.path: Path | None = None
        self.clicked.connect(lambda: choose_file(self, tr("Choose a file to send"), self._take))

    def show_path(self, path: Path | None) -> None:
        """Show which file it is."""
        self.path = path
        room = NAME_SHOWN * self.fontMetrics().averageCharWidth()
        name = self.fontMetrics().elidedText(path.name, Qt.TextElideMode.ElideMiddle, room) if path else ""
        self.setText(name or tr("Choose a file…"))
        self.setToolTip(str(path) if path else "")
        self.setAccessibleName(tr("File {name}").format(name=path.name) if path else self.text())

    def _take(self, path: Path) -> None:
        self.show_path(path)
        self.chosen.emit()


class PartRow(QWidget):
    """One part. Signals: `changed` for any of its fields, `removed` for the button."""

    changed = Signal()
    removed = Signal()

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.name, self.kind, self.text, self.file = (
            QLineEdit(part.name),
            QComboBox(),
            QLineEdit(part.text),
            FileField(),
        )
        self.name.setFixedWidth(NAME_CHARACTERS * self.fontMetrics().averageCharWidth())
        self.name.setPlaceholderText(tr("name"))
        self.name.setAccessibleName(tr("Name of the part"))
        self.kind.addItems([tr("Text"), tr("File")])
        self.kind.setAccessibleName(tr("Kind of the part"))
        self.text.setPlaceholderText(tr("text"))
        self.text.setAccessibleName(tr("Text of the part"))
        self.file.show_path(part.path)
        self.remove = Button(tr("Remove"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self.text)
        self._stack.addWidget(self.file)
        self.kind.currentIndexChanged.connect(self._stack.setCurrentIndex)
        self.kind.setCurrentIndex(FILE if part.is_file else TEXT)
        self._lay_out()
        for signal in (self.name.textChanged, self.text.textChanged, self.kind.currentIndexChanged, self.file.chosen):
            signal.connect(self.changed)
        self.remove.clicked.connect(self.removed)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.GRID)
        row.addWidget(self.name)
        row.addWidget(self.kind)
        row.addWidget(self._stack, 1)
        row.addWidget(self.remove)
        self.name.setAcceptDrops(False)
        self.text.setAcceptDrops(False)

    @property
    def part(self) -> Part:
        """The part as it stands."""
        is_file = self.kind.currentIndex() == FILE
        return Part(self.name.text().strip(), self.text.text(), self.file.path, is_file)


class PartsEditor(QScrollArea):
    """All parts. Signals: `changed`."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Parts"))
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setMinimumHeight(theme.ROW_HEIGHT)
        self.rows: list[PartRow] = []
        self.add_button = Button(tr("Add a part"))
        self.add_button.clicked.connect(self._add_empty)
        inner = Panel()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.GRID)
        self._column.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch()
        self.setWidget(inner)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts as they stand."""
        return tuple(row.part for row in self.rows)

    def show_parts(self, parts: Sequence[Part]) -> None:
        """Show these parts, if they are others than those shown."""
        if tuple(parts) != self.parts:
            for row in list(self.rows):
                self._drop(row)
            for part in parts:
                self._add(part)

    def _add(self, part: Part) -> PartRow:
        row = PartRow(part)
        self._column.insertWidget(len(self.rows), row)
        self.rows.append(row)
        row.changed.connect(self.changed)
        row.removed.connect(lambda: self._remove(row))
        return row

    def _add_empty(self) -> None:
        self._add(Part("" if self.rows else "data")).name.setFocus()
        self.changed.emit()

    def _remove(self, row: PartRow) -> None:
        self._drop(row)
        self.add_button.setFocus()
        self.changed.emit()

    def _drop(self, row: PartRow) -> None:
        self.rows.remove(row)
        row.hide()
        row.deleteLater()
