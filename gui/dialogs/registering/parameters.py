"""How a version should run: every parameter of a registration but its archive. The GUI thread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QWidget

from engine.ranges import RANGES
from engine.registration import RUNTIMES, SHA256
from gui.dialogs.registering.defaults import defaults
from gui.dialogs.registering.fields import NumberField
from gui.words import tr

if TYPE_CHECKING:
    from engine.registration import Registration
    from engine.settings import Settings
    from engine.snapshots import ArchiveSummary

AS_ARCHIVE = "as the archive says"


class Parameters(QObject):
    """The fields; `common` and `more` are rows with their labels.

    Signals: `changed` when any of them did.
    """

    changed = Signal()

    def __init__(self, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._settings = settings
        self._summary: ArchiveSummary | None = None
        self.name = self._text(tr("Model name"))
        self.handler = self._text(tr("Handler"))
        self.runtime = self._runtimes()
        self.synchronous = QCheckBox(tr("Wait until the workers are ready"))
        self.synchronous.toggled.connect(self.changed)
        self.initial_workers = self._number(tr("Initial workers"), "initial_workers")
        self.batch_size = self._number(tr("Batch size"), "batch_size")
        self.max_batch_delay = self._number(tr("Max batch delay, ms"), "max_batch_delay")
        self.response_timeout = self._number(tr("Response timeout, s"), "response_timeout")
        self.startup_timeout = self._number(tr("Startup timeout, s"), "startup_timeout")
        self.sha256 = self._text(tr("SHA-256"))
        self.sha256.setPlaceholderText(tr("not checked"))
        self.initial_workers.set_value(1)
        self._show_defaults()

    @property
    def numbers(self) -> dict[str, NumberField]:
        """The fields of numbers by the parameter's name."""
        return {
            "initial_workers": self.initial_workers,
            "batch_size": self.batch_size,
            "max_batch_delay": self.max_batch_delay,
            "response_timeout": self.response_timeout,
            "startup_timeout": self.startup_timeout,
        }

    @property
    def common(self) -> list[tuple[str, QWidget]]:
        """What most people set."""
        fields = (self.name, self.initial_workers, self.batch_size, self.max_batch_delay)
        return [(field.accessibleName(), field) for field in fields]

    @property
    def more(self) -> list[tuple[str, QWidget]]:
        """The rest."""
        fields = (self.handler, self.runtime, self.response_timeout, self.startup_timeout, self.sha256)
        return [*((field.accessibleName(), field) for field in fields), ("", self.synchronous)]

    def show_summary(self, summary: ArchiveSummary | None) -> None:
        """Fill in what the archive says, None for one that nobody has read; what somebody typed stays."""
        if summary == self._summary:
            return
        old, self._summary = self._summary, summary
        for line, key in ((self.name, "model_name"), (self.handler, "handler")):
            if line.text() == getattr(old, key, ""):
                line.setText(getattr(summary, key, ""))
        runtime = summary.runtime if summary else ""
        self.runtime.setItemText(0, f"{tr(AS_ARCHIVE)} ({runtime})" if runtime else tr(AS_ARCHIVE))
        self._show_defaults()

    def problem(self) -> str:
        """Say what is wrong with the first field that is wrong."""
        problems = (
            self._problem_of_name(),
            *(field.problem() for field in self.numbers.values()),
            self._problem_of_sum(),
        )
        return next(filter(None, problems), "")

    def fill(self, registration: Registration) -> Registration:
        """Return the registration with what the fields say; what the archive says already is left out."""
        summary = self._summary
        return replace(
            registration,
            model_name=_unless(self.name.text(), summary.model_name if summary else ""),
            handler=_unless(self.handler.text().strip(), summary.handler if summary else ""),
            runtime=self.runtime.currentData(),
            synchronous=self.synchronous.isChecked(),
            batch_size=self.batch_size.value,
            max_batch_delay=self.max_batch_delay.value,
            initial_workers=self.initial_workers.value,
            response_timeout=self.response_timeout.value,
            startup_timeout=self.startup_timeout.value,
            sha256=self.sha256.text().strip() or None,
        )

    def _problem_of_name(self) -> str:
        name = self.name.text()
        if self._summary is not None and not name:
            return tr("The archive does not say what its model is called. Type a name.")
        if "/" in name or name != name.strip() or not name.isprintable():
            return tr("The model name has a slash, spaces around it or characters that cannot be seen.")
        return ""

    def _problem_of_sum(self) -> str:
        digits = self.sha256.text().strip()
        return tr("SHA-256 must be 64 hexadecimal digits.") if digits and not SHA256.fullmatch(digits) else ""

    def _show_defaults(self) -> None:
        version = self._summary.version if self._summary else ""
        for key, default in defaults(self._settings, self.name.text(), version).items():
            self.numbers[key].setPlaceholderText(str(default))

    def _text(self, label: str) -> QLineEdit:
        line = QLineEdit()
        line.setAccessibleName(label)
        line.setPlaceholderText(tr(AS_ARCHIVE))
        line.textChanged.connect(self.changed)
        return line

    def _number(self, label: str, key: str) -> NumberField:
        field = NumberField(label, *RANGES[key])
        field.textChanged.connect(self.changed)
        return field

    def _runtimes(self) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(tr("Runtime"))
        box.addItem(tr(AS_ARCHIVE), None)
        for runtime in RUNTIMES.values():
            box.addItem(runtime, runtime)
        box.currentIndexChanged.connect(self.changed)
        return box


def _unless(text: str, known: str) -> str | None:
    return text if text and text != known else None
