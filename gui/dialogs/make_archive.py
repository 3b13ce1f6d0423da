"""Making a `.mar` of a model's files: what goes in, what handles requests, where it is written. The GUI thread.

The engine looks at the files in a thread and imports none of them; making starts only when the user presses the button.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTreeView,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from engine.making import BUILT_IN_HANDLERS, MODELS, ArchivePlan, Kind, guess
from gui import theme, words
from gui.dialogs.operation import OperationDialog
from gui.tables.delegates import CellDelegate
from gui.tables.header import Header
from gui.tables.parts import NAME, SIZE, USE, PartsModel
from gui.widgets.basics import Button
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtGui import QDragEnterEvent, QDropEvent

    from engine.making import Part
    from gui.face import EngineFace

SHOWN_FILES = 6
USE_WIDTH = 148
SIZE_WIDTH = 92


class MakeArchiveDialog(OperationDialog):
    """`paths` are files and folders to begin with; accepted, `made` is the archive in the model store."""

    def __init__(self, engine: EngineFace, paths: Sequence[Path] = (), parent: QWidget | None = None) -> None:
        super().__init__(tr("Make an archive"), tr("Make archive"), parent)
        self._engine = engine
        self._found = ArchivePlan()
        self._place: tuple[str, Path | None] = ("", None)
        self.made: Path | None = None
        self.setAcceptDrops(True)
        self.disclosure.toggle.setText(tr("Show as torch-model-archiver command"))
        self.name = self._text(tr("Model name"), tr("letters, digits, dots and hyphens"))
        self.version = self._text(tr("Version"), "1.0")
        self.handler = self._choice(tr("Handler"))
        self.handler.setEditable(True)
        self._line(self.handler).setPlaceholderText(tr("Choose how requests are handled"))
        self.model = self._choice(tr("Model file"))
        self.architecture = self._choice(tr("Model's class"))
        self._add_files()
        self._enable_remove()
        self._show(self._found)
        for box in (self.handler, self.model, self.architecture):
            box.currentTextChanged.connect(self.refresh)
        if paths:
            self.add(paths)

    def _text(self, label: str, hint: str) -> QLineEdit:
        box = QLineEdit()
        box.setAccessibleName(label)
        box.setPlaceholderText(hint)
        box.textChanged.connect(self.refresh)
        self.form.addRow(label, box)
        return box

    def _choice(self, label: str) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(label)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.form.addRow(label, box)
        return box

    def _add_files(self) -> None:
        self.parts = PartsModel(self)
        self.files = _view(self.parts)
        self.remove = Button(tr("Remove"))
        field = QWidget()
        column = QVBoxLayout(field)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * theme.GRID)
        column.addWidget(self.files)
        row = QHBoxLayout()
        for button, act in (
            (Button(tr("Add files…")), self._choose_files),
            (Button(tr("Add folder…")), self._choose_folder),
            (self.remove, self.remove_selected),
        ):
            button.setAutoDefault(False)
            button.clicked.connect(act)
            row.addWidget(button)
        row.addStretch()
        column.addLayout(row)
        self.form.addRow(tr("Files"), field)
        self.files.selectionModel().selectionChanged.connect(self._enable_remove)
        self.parts.modelReset.connect(self._enable_remove)

    def _enable_remove(self) -> None:
        self.remove.setEnabled(self.files.selectionModel().hasSelection())

    @staticmethod
    def _line(box: QComboBox) -> QLineEdit:
        line = box.lineEdit()
        if line is None:
            raise ValueError("the box is not editable")
        return line

    # The files: chosen, dropped, looked at, taken away.

    def _choose_files(self) -> None:
        self._choose(tr("Add files"), QFileDialog.FileMode.ExistingFiles)

    def _choose_folder(self) -> None:
        self._choose(tr("Add a folder"), QFileDialog.FileMode.Directory)

    def _choose(self, title: str, mode: QFileDialog.FileMode) -> None:
        chooser = QFileDialog(self, title)
        chooser.setFileMode(mode)
        chooser.filesSelected.connect(lambda paths: self.add([Path(path) for path in paths]))
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()

    def add(self, paths: Sequence[Path]) -> None:
        """Look at these files and folders, and add them; what was typed already stays."""
        if self.is_idle and paths:
            self.run(self._add(paths))

    async def _add(self, paths: Sequence[Path]) -> None:
        found = await self._engine.plan_archive(paths)
        if not self._found.parts:
            self._show(found)
            return
        plan = self.plan().with_parts(found.parts)
        likely = guess(plan.name, plan.parts)
        special = ("handler", "serialized_file", "model_file", "requirements_file", "config_file")
        self._show(replace(plan, **{key: getattr(plan, key) or getattr(likely, key) for key in special}))

    def remove_selected(self) -> None:
        """Leave the selected files out of the archive."""
        gone = [self.parts.name(index.row()) for index in self.files.selectionModel().selectedRows()]
        if gone:
            self._show(self.plan().without(gone))

    def _show(self, plan: ArchivePlan) -> None:
        self._found = plan
        self.name.setText(self.name.text() or plan.name)
        self.version.setText(plan.version)
        sources = [part.name for part in plan.parts if part.kind is Kind.PYTHON and "/" not in part.name]
        _fill(self.handler, [*sources, *BUILT_IN_HANDLERS], plan.handler, len(sources))
        self.handler.setEditText(plan.handler)
        _fill(self.model, ["", *_models(plan.parts)], plan.serialized_file)
        _fill(self.architecture, ["", *sources], plan.model_file)
        self.refresh()

    def plan(self) -> ArchivePlan:
        """What the form says."""
        place = self._place[1] if self._place[0] == self.name.text() else None
        return replace(
            self._found,
            name=self.name.text(),
            version=self.version.text(),
            handler=self.handler.currentText().strip(),
            serialized_file=self.model.currentData() or "",
            model_file=(self.architecture.currentData() or "") if self._is_eager() else "",
            file_name=place.name if place else "",
        )

    def _is_eager(self) -> bool:
        part = self._found.part(self.model.currentData() or "")
        return part is not None and part.kind is Kind.WEIGHTS

    # What the frame asks.

    @override
    def refresh(self) -> None:
        plan = self.plan()
        self.form.setRowVisible(self.architecture, self._is_eager())
        self.parts.show_plan(plan)
        if plan.name != self._place[0] and not plan.problem():
            self._place = (plan.name, None)
            self._tasks.start(self._find_place(plan.name, plan.archive), "find a place")
        super().refresh()

    async def _find_place(self, name: str, wished: str) -> None:
        place = await self._engine.place_for(wished)
        if self._place[0] == name:
            self._place = (name, place)
            self.refresh()

    @override
    def problem(self) -> str:
        if not self.is_idle:
            return tr("Making the archive…") if self._place[1] else tr("Looking at the files…")
        if not self._found.parts:
            return tr("Add the model's files, or drop them here.")
        return tr(self.plan().problem())

    @override
    def consequence(self) -> str:
        plan, place = self.plan(), self._place[1]
        files = counted(len(plan.parts), "%n file", "%n files")
        packs = tr("Packs {files}, {size}, into {archive}.")
        said = packs.format(files=files, size=words.size(plan.size), archive=place or plan.archive)
        if place is not None and place.name != f"{plan.name}.mar":
            said += " " + tr("{name} is there already and stays.").format(name=f"{plan.name}.mar")
        return said

    @override
    def curl(self) -> str:
        place = self._place[1]
        return archiver_command(self.plan(), "." if place is None else str(place.parent))

    @override
    async def act(self) -> None:
        plan = self.plan()
        self._place = ("", None)  # whatever happens, the name is looked for again
        self.made = await self._engine.make_archive(plan, self.show_step)

    # What Qt tells.

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.is_idle and any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.add([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])


def archiver_command(plan: ArchivePlan, folder: str) -> str:
    """The torch-model-archiver call that packs the same; files below a folder come with all that is in it."""
    command = ["torch-model-archiver", "--model-name", plan.name, "--version", plan.version]
    special = {
        "--handler": plan.handler,
        "--serialized-file": plan.serialized_file,
        "--model-file": plan.model_file,
        "--requirements-file": plan.requirements_file,
        "--config-file": plan.config_file,
    }
    for option, name in special.items():
        if name:
            part = plan.part(name)
            command += [option, name if part is None else str(part.path)]
    named = set(special.values())
    # With thousands of files this runs at every keystroke: texts are cut much faster than paths are taken apart.
    places = [(str(part.path)[: -len(part.name) - 1], part.name) for part in plan.parts]
    folders = dict.fromkeys(folder for folder, name in places if "/" in name)
    lone = [str(Path(folder, name)) for folder, name in places if folder not in folders and name not in named]
    extra = [*folders, *lone]
    if extra:
        command += ["--extra-files", ",".join(extra)]
    return shlex.join([*command, "--export-path", folder])


def _models(parts: Iterable[Part]) -> list[str]:
    """The names that can be the serialized file, models first."""
    top = [part for part in parts if "/" not in part.name and part.kind is not Kind.PYTHON]
    return [part.name for part in sorted(top, key=lambda part: part.kind not in MODELS)]


def _fill(box: QComboBox, names: list[str], chosen: str, ruled_after: int = 0) -> None:
    """Offer these names, the empty one as "None"; a rule parts the first few from the rest."""
    blocker = QSignalBlocker(box)
    box.clear()
    for name in names:
        box.addItem(name or tr("None"), name)
    if ruled_after:
        box.insertSeparator(ruled_after)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    blocker.unblock()


def _view(model: PartsModel) -> QTreeView:
    view = QTreeView()
    view.setModel(model)
    view.setAccessibleName(tr("Files"))
    view.setRootIsDecorated(False)
    view.setUniformRowHeights(True)
    view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    view.setTabKeyNavigation(False)
    view.setItemDelegate(CellDelegate(view))
    header = Header(view)
    header.setSectionsMovable(False)
    header.setSectionsClickable(False)
    view.setHeader(header)
    header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
    for column, width in ((USE, USE_WIDTH), (SIZE, SIZE_WIDTH)):
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(column, width)
    view.setFixedHeight(SHOWN_FILES * theme.ROW_HEIGHT + theme.HEADER_HEIGHT + 2 * view.frameWidth())
    return view
