"""The frame of every dialog that does something to the engine. The GUI thread.

One column: what is asked, then the consequence in words, then the same as curl behind a disclosure, then verbs. The
input is checked as one types; an error of the engine is shown inside and leaves the input as it was.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QHBoxLayout, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from engine.errors import MarinaError
from engine.tasks import TaskGroup
from gui import theme
from gui.widgets.banner import Banner
from gui.widgets.basics import Button, Caption, Label, Progress
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from engine.snapshots import Progress as Step

WIDTH = 520
log = logging.getLogger(__name__)


class Disclosure(QWidget):
    """The curl line, folded away until asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.toggle = QToolButton()
        self.toggle.setText(tr("Show as curl"))
        self.toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.toggle.setAutoRaise(True)
        self.line = Label(selectable=True)
        self.line.setWordWrap(True)
        self.line.setFont(theme.small(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)))
        self.copy = Button(tr("Copy"))
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.line.text()))
        self._body = QWidget()
        row = QHBoxLayout(self._body)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.toggle)
        column.addWidget(self._body)
        self.toggle.clicked.connect(lambda: self.show_line(visible=self._body.isHidden()))
        self.show_line(visible=False)

    def show_line(self, *, visible: bool) -> None:
        """Unfold the curl line, or fold it away."""
        self._body.setVisible(visible)
        self.toggle.setArrowType(Qt.ArrowType.DownArrow if visible else Qt.ArrowType.RightArrow)


class OperationDialog(QDialog):
    """Subclasses fill `form`, answer `problem`, `consequence` and `curl`, and do `act`.

    `destructive` makes Cancel the default button. Closing the dialog cancels what it is still doing.
    """

    def __init__(self, title: str, verb: str, parent: QWidget | None = None, *, destructive: bool = False) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setFixedWidth(WIDTH)
        self._work: asyncio.Task[None] | None = None
        self._tasks = TaskGroup()
        self.form = QFormLayout()
        self.form.setHorizontalSpacing(4 * theme.GRID)
        self.form.setVerticalSpacing(2 * theme.GRID)
        self.form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.words = Label()
        self.words.setWordWrap(True)
        self.banner = Banner()
        self.step = Caption()
        self.bar = Progress()
        self.disclosure = Disclosure()
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
        buttons = QDialogButtonBox()
        buttons.addButton(self.accept_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.cancel_button, QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(5 * theme.GRID, 5 * theme.GRID, 5 * theme.GRID, 4 * theme.GRID)
        column.setSpacing(3 * theme.GRID)
        column.addLayout(self.form)
        for widget in (self.words, self.banner, self.step, self.bar, self.disclosure, buttons):
            column.addWidget(widget)

    def problem(self) -> str:
        """Say what is wrong with the input, empty when it can be used."""
        return ""

    def consequence(self) -> str:
        """Say in words what will happen."""
        raise NotImplementedError

    def curl(self) -> str:
        """Write the same as a curl line."""
        raise NotImplementedError

    async def act(self) -> None:
        """Do it; raises `MarinaError`."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Check the input again and say what would happen."""
        problem = self.problem()
        self.words.setText(problem or self.consequence())
        self.accept_button.setEnabled(not problem and self.is_idle)
        self.accept_button.setToolTip(problem)
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
        self._work = self._tasks.start(self._guard(work), self.windowTitle())
        self._set_form_enabled(enabled=False)
        self.refresh()

    async def _submit(self) -> None:
        await self.act()
        self.accept()

    async def _guard(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except (MarinaError, OSError) as error:
            self.banner.show_error("\n".join(filter(None, (str(error), getattr(error, "cause", "")))))
        except Exception as error:
            log.exception("%s failed", self.windowTitle())
            self.banner.show_error(tr("Marina made a mistake: {error}").format(error=f"{error!r}"))
        finally:
            self._work = None
            self._show_progress(visible=False)
            self._set_form_enabled(enabled=True)
            self.refresh()

    def show_step(self, step: Step, text: str) -> None:
        """Show how far the work is; an unknown total shows an empty bar and the words."""
        self._show_progress(visible=True)
        self.step.setText(text)
        self.bar.setMaximum(max(0, min(step.total, 2**30)))
        self.bar.setValue(step.done * self.bar.maximum() // step.total if step.total else 0)

    def _show_progress(self, *, visible: bool) -> None:
        self.step.setVisible(visible)
        self.bar.setVisible(visible)

    def _set_form_enabled(self, *, enabled: bool) -> None:
        for row in range(self.form.rowCount()):
            item = self.form.itemAt(row, QFormLayout.ItemRole.FieldRole)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.setEnabled(enabled)

    async def aclose(self) -> None:
        """Wait until nothing here is running, so that the dialog can be deleted."""
        await self._tasks.aclose()

    @override
    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() is QEvent.Type.LayoutRequest and (layout := self.layout()) is not None:
            self.setFixedHeight(layout.totalHeightForWidth(WIDTH))
        return handled

    @override
    def done(self, result: int) -> None:
        if self._work is not None and self._work is not asyncio.current_task():
            self._work.cancel()
        super().done(result)
