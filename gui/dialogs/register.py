"""Registering an archive: choose or drop it, see what is inside, say how it should run. The GUI thread.

Nothing inside an archive runs before the user presses Register; the manifest is read by the engine without running it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget
from typing_extensions import override

from engine.registration import Registration
from gui import curl, theme, words
from gui.dialogs.operation import OperationDialog
from gui.widgets.basics import Button, Caption, Label
from gui.words import counted, tr

if TYPE_CHECKING:
    from engine.snapshots import ArchiveSummary, Progress
    from gui.face import EngineFace

REMOTE = ("http://", "https://", "s3://")
SHOWN = 16
MOST_WORKERS = 1000
MOST = 2**31 - 1
MOST_BATCH = 65536
MOST_DELAY = 3_600_000


class RegisterDialog(OperationDialog):
    """`path` is an archive to copy into the model store first; without it the user names or chooses one."""

    def __init__(
        self, engine: EngineFace, management: str, path: Path | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(tr("Register model"), tr("Register"), parent)
        self._engine = engine
        self._management = management
        self._summary: ArchiveSummary | None = None
        self._inspected = ""
        self._add_archive_row()
        self._add_facts()
        self.name = self._text(tr("Model name"))
        self.handler = self._text(tr("Handler"))
        self.batch_size = self._number(tr("Batch size"), high=MOST_BATCH)
        self.max_batch_delay = self._number(tr("Max batch delay"), tr(" ms"), low=0, high=MOST_DELAY)
        self.initial_workers = self._number(tr("Initial workers"), low=0, high=MOST_WORKERS)
        self.initial_workers.setValue(1)
        self.response_timeout = self._number(tr("Response timeout"), tr(" s"))
        self.startup_timeout = self._number(tr("Startup timeout"), tr(" s"))
        self.refresh()
        if path is not None:
            self.take_file(str(path))

    def _add_archive_row(self) -> None:
        self.archive = QLineEdit()
        self.archive.setPlaceholderText(tr("Name in the model store, or an address"))
        self.archive.setAccessibleName(tr("Archive"))
        self.archive.textChanged.connect(self._forget)
        self.archive.editingFinished.connect(self._look_inside)
        self.choose = Button(tr("Choose…"))
        self.choose.setAutoDefault(False)
        self.choose.clicked.connect(self._choose_file)
        field = QWidget()
        row = QHBoxLayout(field)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.archive, 1)
        row.addWidget(self.choose)
        self.form.addRow(tr("Archive"), field)

    def _add_facts(self) -> None:
        self.facts = Label(selectable=True)
        self.facts.setWordWrap(True)
        self.digest = Caption()
        self.warning = Caption(tr("Registering runs the code inside this archive."))
        field = QWidget()
        column = QVBoxLayout(field)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        for widget in (self.facts, self.digest, self.warning):
            column.addWidget(widget)
        self._inside = field
        self.form.addRow("", field)
        self._show_facts()

    def _text(self, label: str) -> QLineEdit:
        box = QLineEdit()
        box.setAccessibleName(label)
        box.setPlaceholderText(tr("as the archive says"))
        box.textChanged.connect(self.refresh)
        self.form.addRow(label, box)
        return box

    def _number(self, label: str, unit: str = "", low: int = 1, high: int = MOST) -> QSpinBox:
        box = QSpinBox()
        box.setAccessibleName(label)
        box.setRange(low - 1, high)
        box.setValue(low - 1)
        box.setSpecialValueText(tr("default"))
        box.setSuffix(unit)
        box.valueChanged.connect(self.refresh)
        self.form.addRow(label, box)
        return box

    # The archive: chosen, copied, looked into.

    def _choose_file(self) -> None:
        chooser = QFileDialog(self, tr("Choose an archive"))
        chooser.setNameFilter(tr("Model archives (*.mar *.tar.gz *.tgz)"))
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.fileSelected.connect(self.take_file)
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()

    def take_file(self, path: str) -> None:
        """Copy this file into the model store, then look inside the copy."""
        self.run(self._add(Path(path)))

    async def _add(self, path: Path) -> None:
        self.archive.setText(path.name)
        file_name = await self._engine.add_to_store(path, self._show_copy)
        self.archive.setText(file_name)
        await self._inspect(file_name)

    def _show_copy(self, step: Progress) -> None:
        self.show_step(step, f"{tr(step.phase.capitalize())} {words.progress(step)}")

    def _forget(self) -> None:
        if self.archive.text() != self._inspected:
            self._summary = None
            self._show_facts()
        self.refresh()

    def _look_inside(self) -> None:
        name = self.archive.text().strip()
        if name and name != self._inspected and not name.startswith(REMOTE) and self.is_idle:
            self.run(self._inspect(name))

    async def _inspect(self, file_name: str) -> None:
        self._inspected = file_name
        self._summary = await self._engine.inspect(file_name)
        self.name.setText(self._summary.model_name)
        self.handler.setText(self._summary.handler)
        self._show_facts()

    def _show_facts(self) -> None:
        summary = self._summary
        for widget in (self.facts, self.digest):
            widget.setVisible(summary is not None)
        self.form.setRowVisible(self._inside, summary is not None or self.archive.text().startswith(REMOTE))
        if summary is None:
            return
        head = f"{summary.model_name or summary.file_name} {summary.version} · {words.size(summary.size)}"
        runtime = f" · {summary.runtime}" if summary.runtime else ""
        files = counted(len(summary.files), "%n file", "%n files")
        lines = [f"{head} · {files}{runtime}", summary.description]
        self.facts.setText("\n".join(line for line in lines if line))
        self.digest.setText(f"SHA-256 {summary.sha256[:SHOWN]}…{summary.sha256[-SHOWN:]}")
        self.digest.setToolTip(summary.sha256)

    # What the frame asks.

    @override
    def problem(self) -> str:
        text = self.archive.text().strip()
        if not text:
            return tr("Choose an archive, or type its name in the model store.")
        if not self.is_idle:
            return tr("Reading the archive…") if self._summary is None else tr("Registering…")
        if self._summary is None and not text.startswith(REMOTE):
            return tr("The archive has not been read. Press Tab to look inside.")
        return self._problem_of_name()

    def _problem_of_name(self) -> str:
        name = self.name.text()
        if self._summary is not None and not name:
            return tr("The archive does not say what its model is called. Type a name.")
        if name != name.strip() or any(not character.isprintable() for character in name):
            return tr("The model name has spaces around it or characters that cannot be seen.")
        return ""

    @override
    def consequence(self) -> str:
        name = self.name.text() or self.archive.text().strip()
        workers = given(self.initial_workers)
        if workers is None:
            return tr("Registers {name} with the default number of workers.").format(name=name)
        if workers == 0:
            return tr("Registers {name} without workers. Scale it to serve.").format(name=name)
        starts = counted(workers, "starts %n worker", "starts %n workers")
        return tr("Registers {name} and {starts}.").format(name=name, starts=starts)

    @override
    def curl(self) -> str:
        return curl.register(self._management, self.registration())

    def registration(self) -> Registration:
        """Return what the form says; what the archive says already is left out."""
        summary = self._summary
        return Registration(
            url=self.archive.text().strip(),
            model_name=_unless(self.name.text(), summary.model_name if summary else ""),
            handler=_unless(self.handler.text().strip(), summary.handler if summary else ""),
            batch_size=given(self.batch_size),
            max_batch_delay=given(self.max_batch_delay),
            initial_workers=given(self.initial_workers),
            response_timeout=given(self.response_timeout),
            startup_timeout=given(self.startup_timeout),
        )

    @property
    def registered_name(self) -> str:
        """The name under which the model is registered, empty while only the engine can tell."""
        return self.name.text() or (self._summary.model_name if self._summary else "")

    @override
    async def act(self) -> None:
        await self._engine.register(self.registration(), self._show_copy)


def given(box: QSpinBox) -> int | None:
    """Return the box's number, None while it shows "default"."""
    return None if box.value() == box.minimum() else box.value()


def _unless(text: str, known: str) -> str | None:
    return text if text and text != known else None
