from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QWidget

from engine.snapshots import VersionState, WorkerState
from gui.panels.announcing import Announcer
from gui.panels.copying import as_json, as_names, as_urls
from gui.tables.records import ModelRecord, VersionRecord
from tests.gui.fakes import a_version, a_worker

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Heard(Announcer):
    """Keeps what it says."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)
        super().say(text)


def a_model(name: str, state: VersionState) -> ModelRecord:
    failed = a_worker(state=WorkerState.FAILED, last_death="cv2 is missing")
    workers = (failed,) if state is VersionState.FAILED else (a_worker(),)
    return ModelRecord(name, (VersionRecord(a_version(name, state=state, workers=workers)),))


@pytest.fixture
def announcer(qtbot: QtBot) -> Heard:
    widget = QWidget()
    qtbot.addWidget(widget)
    announcer = Heard(widget)
    announcer._kept = widget  # type: ignore[attr-defined]  # nobody else keeps it
    return announcer


def test_the_selected_model_is_told_to_be_ready_and_to_fail(announcer: Heard) -> None:
    for state in (VersionState.LOADING, VersionState.READY, VersionState.BUSY, VersionState.READY, VersionState.FAILED):
        announcer.look(a_model("digits", state))
    assert announcer.said == ["digits: Ready", "digits: Failed. cv2 is missing"]


def test_selecting_another_model_is_no_news(announcer: Heard) -> None:
    announcer.look(a_model("digits", VersionState.LOADING))
    announcer.look(a_model("signs", VersionState.FAILED))
    announcer.look(None)
    announcer.look(a_model("digits", VersionState.READY))
    assert announcer.said == []


def test_versions_are_copied_as_names_urls_and_json() -> None:
    versions = [a_version(), a_version(version="2.0", url="s3://store/digits-2.mar")]
    assert as_names(versions) == "digits"
    assert as_urls(versions) == "digits.mar\ns3://store/digits-2.mar"
    assert [version["key"] for version in json.loads(as_json(versions))] == [["digits", "1.0"], ["digits", "2.0"]]
