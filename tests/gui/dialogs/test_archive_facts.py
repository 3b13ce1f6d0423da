"""What the register dialog and the overview say of a model-config.yaml that has no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from gui.dialogs.registering.facts import Facts
from gui.panels.overview import facts
from gui.words import DASH
from tests.gui.fakes import a_summary, a_version

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

PROBLEMS = (
    "The file cannot be read and has no effect: line 3: <b>expected</b>",
    "minWorkers is ignored: 'x' is no int",
)


def test_the_dialog_shows_each_problem_of_the_model_configuration(qapp: QApplication) -> None:
    del qapp
    shown = Facts()
    shown.show_summary(a_summary(config_problems=PROBLEMS))
    assert not shown.config.isHidden()
    assert shown.config.textFormat() is Qt.TextFormat.PlainText
    assert [line.partition(": ")[2] for line in shown.config.text().splitlines()] == list(PROBLEMS)
    shown.show_summary(a_summary())
    assert shown.config.isHidden()
    shown.deleteLater()


def test_the_overview_shows_them_on_the_version() -> None:
    assert ("Model configuration", "\n".join(PROBLEMS)) in facts(a_version(config_problems=PROBLEMS))
    assert ("Model configuration", DASH) in facts(a_version())
