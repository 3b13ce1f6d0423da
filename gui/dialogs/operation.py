"""The frame of every dialog that does something to the engine. The GUI thread.

One column: what is asked, then the consequence in words, then the same as curl behind a disclosure, then verbs. The
input is checked as one types; an error of the engine is shown inside and leaves the input as it was. What is asked
scrolls where the screen has no room for it; consequence and verbs are always to be seen.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QPalette, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from engine.errors import MarinaError
from engine.snapshots import VersionState
from engine.tasks import TaskGroup
from gui import theme
from gui.dialogs.disclosure import CurlDisclosure
from gui.pace import Pace
from gui.widgets.banner import Banner
from gui.widgets.basics import Button, Caption, Label, Progress
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from engine.snapshots import Progress as Step

# How many characters wide a dialog is, and how much of the screen's height it may take.
CHARACTERS = 90
MOST_HEIGHT = 0.9
TICK_MS = 500
ROLES = (QFormLayout.ItemRole.LabelRole, QFormLayout.ItemRole.FieldRole, QFormLayout.ItemRole.SpanningRole)
log = logging.getLogger(__name__)


def dialog_width(dialog: QWidget) -> int:
    """The width of a dialog in pixels, as its font has it."""
    return CHARACTERS * dialog.fontMetrics().averageCharWidth()


class Body(QWidget):
    """A part of a dialog, in one column; `laid_out` is emitted when it wants another height."""

    laid_out = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(5 * theme.GRID, theme.GRID, 5 * theme.GRID, theme.GRID)
        self.column.setSpacing(3 * theme.GRID)

    def height_for(self, width: int) -> int:
        """The height that it wants at this width."""
        column = self.column
        return column.totalHeightForWidth(width) if column.hasHeightForWidth() else column.totalSizeHint().height()

    @override
    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() is QEvent.Type.LayoutRequest:
            self.laid_out.emit()
        return handled


class OperationDialog(QDialog):
    """Subclasses fill `form`, answer `problem`, `consequence` and `curl`, and do `act`.

    `destructive` makes Cancel the default button. Closing the dialog cancels what it is still doing.
    """

    def __init__(self, title: str, verb: str, parent: QWidget | None = None, *, destructive: bool = False) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self._work: asyncio.Task[None] | None = None
        self._tasks = TaskGroup()
        self._step: Step | None = None
        self._pace = Pace(0.0)
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._tell_pace)
        self.form = _form()
        self.words = Label()
        self.words.setWordWrap(True)
        self.warning = red(Label())
        self.warning.setWordWrap(True)
        self.banner = Banner()
        self.step = Caption(wraps=True)
        self.bar = Progress()
        self.disclosure = CurlDisclosure()
        self.accept_button = Button(verb, primary=not destructive)
        self.cancel_button = Button(tr("Cancel"))
        self._lay_out()
        default, other = (
            (self.cancel_button, self.accept_button) if destructive else (self.accept_button, self.cancel_button)
        )
        other.setAutoDefault(False)
        default.setDefault(True)
        self.accept_button.clicked.connect(self.submit)
        self._show_progress(visible=False)

    def _lay_out(self) -> None:
        self.buttons = QDialogButtonBox()
        self.buttons.setContentsMargins(5 * theme.GRID, 0, 5 * theme.GRID, 0)
        self.buttons.addButton(self.accept_button, QDialogButtonBox.ButtonRole.ActionRole)
        self.buttons.addButton(self.cancel_button, QDialogButtonBox.ButtonRole.RejectRole)
        self.buttons.rejected.connect(self.reject)
        self._asked, self._told = Body(), Body()
        self._asked.column.addLayout(self.form)
        self._asked.column.addWidget(self.banner)
        for told in (self.words, self.warning, self.disclosure, self.step, self.bar):
            self._told.column.addWidget(told)
        self._scroll = _scroll(self._asked)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4 * theme.GRID, 0, 4 * theme.GRID)
        column.setSpacing(2 * theme.GRID)
        column.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        for part in (self._scroll, self._told, self.buttons):
            column.addWidget(part)
        for body in (self._asked, self._told):
            body.laid_out.connect(self._fit)
        self._fit()

    def _fit(self) -> None:
        """Be as high as what is asked, and scroll what the screen has no room for."""
        width = dialog_width(self)
        told = self._told.height_for(width)
        around = told + self.buttons.sizeHint().height() + 12 * theme.GRID
        room = round(self.screen().availableGeometry().height() * MOST_HEIGHT) - around
        self._told.setFixedSize(width, told)
        self._scroll.setFixedSize(width, max(0, min(self._asked.height_for(width), room)))

    def problem(self) -> str:
        """Say what is wrong with the input, empty when it can be used."""
        return ""

    def consequence(self) -> str:
        """Say in words what will happen."""
        raise NotImplementedError

    def doubt(self) -> str:
        """Say what speaks against it without forbidding it, empty when nothing does."""
        return ""

    def curl(self) -> str:
        """Write the same as curl lines."""
        raise NotImplementedError

    async def act(self) -> None:
        """Do it; raises `MarinaError`."""
        raise NotImplementedError

    def first_field(self) -> QWidget | None:
        """Where typing starts; None leaves it to the buttons."""
        fields = (self.form.itemAt(row, ROLES[1]) for row in range(self.form.rowCount()))
        widgets = (item.widget() for item in fields if item is not None)
        return next((found for found in widgets if found and found.focusPolicy() != Qt.FocusPolicy.NoFocus), None)

    def refresh(self) -> None:
        """Check the input again and say what would happen."""
        problem = self.problem()
        self.words.setText(problem or self.consequence())
        self.warning.setText("" if problem else self.doubt())
        self.warning.setVisible(bool(self.warning.text()))
        self.accept_button.setEnabled(not problem and self.is_idle)
        self.accept_button.setToolTip(problem)
        self.accept_button.setAccessibleDescription(problem)
        self.disclosure.setEnabled(not problem)
        if not problem:
            self.disclosure.line.setText(self.curl())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being done at the moment."""
        return self._work is None

    def submit(self) -> None:
        """Do what the dialog asks, once; closes it when that worked."""
        if self.is_idle and not self.problem():
            self.run(self._submit())

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Do one thing at a time while the form waits; errors are shown inside."""
        self.banner.hide()
        self._pace = Pace(time.monotonic())
        self._work = self._tasks.start(self._guard(work, self.focusWidget()), self.windowTitle())
        self._set_form_enabled(enabled=False)
        self.refresh()

    async def _submit(self) -> None:
        await self.act()
        self.accept()

    async def _guard(self, work: Coroutine[object, object, None], focused: QWidget | None) -> None:
        try:
            await work
        except (MarinaError, OSError) as error:
            self._show_error("\n".join(filter(None, (str(error), getattr(error, "cause", "")))))
        except Exception as error:
            log.exception("%s failed", self.windowTitle())
            self._show_error(tr("Marina made a mistake: {error}").format(error=f"{error!r}"))
        finally:
            self._work = None
            self._show_progress(visible=False)
            self._set_form_enabled(enabled=True)
            self.refresh()
            self._focus(focused)

    def _focus(self, wished: QWidget | None) -> None:
        """Go on typing where it was before fields had to wait, or where it starts."""
        ((wished if wished and wished.isEnabled() else None) or self.first_field() or self.cancel_button).setFocus()

    def _show_error(self, text: str) -> None:
        self.banner.show_error(text)
        # Once the dialog has grown by it.
        QTimer.singleShot(0, self.banner, lambda: self._scroll.ensureWidgetVisible(self.banner))

    def show_step(self, step: Step) -> None:
        """Show how far the work is and how fast; an unknown total shows an empty bar and the words."""
        self._step = step
        self._pace.note(step, time.monotonic())
        self.bar.setMaximum(max(0, min(step.total, 2**30)))
        self.bar.setValue(step.done * self.bar.maximum() // step.total if step.total else 0)
        self._show_progress(visible=True)
        self._tell_pace()

    def _tell_pace(self) -> None:
        if self._step is not None:
            told = self._pace.describe(self._step, time.monotonic())
            self.step.setText(f"{tr(self._step.phase.capitalize())} {told}")

    def _show_progress(self, *, visible: bool) -> None:
        self.step.setVisible(visible)
        self.bar.setVisible(visible)
        if visible:
            self._tick.start()
        else:
            self._tick.stop()

    def _set_form_enabled(self, *, enabled: bool) -> None:
        for row in range(self.form.rowCount()):
            for item in (self.form.itemAt(row, role) for role in ROLES):
                if item is not None and (widget := item.widget()) is not None:
                    widget.setEnabled(enabled)

    async def aclose(self) -> None:
        """Wait until nothing here is running, so that the dialog can be deleted."""
        await self._tasks.aclose()

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():
            # Rows that came while nothing was visible have left the column as it was when it was empty.
            self._asked.column.invalidate()
            self._asked.column.activate()
            self._focus(None)

    @override
    def done(self, result: int) -> None:
        if self._work is not None and self._work is not asyncio.current_task():
            self._work.cancel()
        super().done(result)


def red(label: Label) -> Label:
    """The label in the colour of failure."""
    palette = label.palette()
    palette.setColor(label.foregroundRole(), theme.tokens(palette).states[VersionState.FAILED])
    label.setPalette(palette)
    return label


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(4 * theme.GRID)
    form.setVerticalSpacing(2 * theme.GRID)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def _scroll(body: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidgetResizable(True)
    area.viewport().setBackgroundRole(QPalette.ColorRole.Window)
    area.setWidget(body)
    return area
