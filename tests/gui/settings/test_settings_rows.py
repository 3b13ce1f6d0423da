from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester

from engine.settings import Settings, load, save
from gui.settings.model import DEFAULT, IS_ALARM, KEY, SEARCHED, SOURCE, UNIT, VALUE, SettingsModel
from gui.settings.rows import Drafts, Row, doors, rows


def by_key(settings: Settings) -> dict[str, Row]:
    return {row.key: row for row in rows(settings)}


def test_every_setting_is_there_with_value_default_and_source(tmp_path: Path) -> None:
    (tmp_path / "config.properties").write_text("job_queue_size=60\n", encoding="utf-8")
    found = by_key(load(["--ts-config", "config.properties"], {}, tmp_path, program="marina"))
    assert list(found) == list(Settings.declared())
    row = found["job_queue_size"]
    assert (row.running, row.default) == ("60", "100")
    assert "config.properties line 1" in row.locked
    assert found["max_request_size"].locked == ""


def test_what_does_not_read_back_is_locked() -> None:
    found = by_key(Settings())
    assert "JSON" in found["models"].locked
    assert "JSON" in found["model_snapshot"].locked
    assert [row.key for row in found.values() if row.locked] == ["models", "model_snapshot"]


@pytest.mark.parametrize(
    ("key", "text", "part"),
    [
        ("job_queue_size", "none", "whole number"),
        ("inference_address", "x", "address"),
        ("worker_python", "py", "root"),
    ],
)
def test_a_bad_text_has_its_problem_in_words(key: str, text: str, part: str) -> None:
    row = by_key(Settings())[key]
    assert part in row.problem(text)
    assert key in row.problem(text)


def test_drafts_know_what_is_a_change() -> None:
    row, drafts = by_key(Settings())["job_queue_size"], Drafts()
    drafts.type(row, "100")
    assert drafts.typed == {}
    drafts.type(row, " 50 ")
    assert (drafts.typed, drafts.text(row), drafts.source(row)) == ({"job_queue_size": "50"}, "50", "Not saved yet")
    drafts.take_as_saved()
    assert (drafts.saved, drafts.source(row)) == ({"job_queue_size": "50"}, "Saved, from the next start on")
    drafts.type(row, "50")
    assert drafts.typed == {}
    drafts.type(row, None)
    assert (drafts.typed, drafts.text(row)) == ({"job_queue_size": None}, "100")
    drafts.take_as_saved()
    assert (drafts.saved, drafts.source(row)) == ({}, "default")


def test_what_is_typed_can_be_saved_and_read(tmp_path: Path) -> None:
    row, drafts = by_key(Settings())["inference_address"], Drafts()
    drafts.type(row, "http://127.0.0.1:9090")
    save(tmp_path / "saved.properties", drafts.typed)
    settings = load([], {}, tmp_path, program="marina", saved=tmp_path / "saved.properties")
    assert by_key(settings)["inference_address"].running == "http://127.0.0.1:9090"
    assert not by_key(settings)["inference_address"].locked


@pytest.mark.usefixtures("qapp")
def test_the_model_shows_the_drafts() -> None:
    drafts = Drafts()
    model = SettingsModel(Settings(), drafts)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    place = list(Settings.declared()).index("default_response_timeout")
    cells = [model.index(place, column).data() for column in (KEY, VALUE, UNIT, DEFAULT, SOURCE)]
    assert cells == ["default_response_timeout", "120", "seconds", "120", "default"]
    assert "time a worker has" in model.index(place, KEY).data(SEARCHED)
    for text in ("7", "x", None, "8"):
        drafts.type(model.rows[place], text)
        model.show_drafts()
    assert model.index(place, VALUE).data() == "8"
    assert tester.model() is model


def test_a_source_reads_short_and_its_tip_says_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "config.properties").write_text("\njob_queue_size=60\n", encoding="utf-8")
    settings = load(["--ts-config", "config.properties"], {}, tmp_path, program="marina")
    model = SettingsModel(settings, Drafts())
    place = model.index(list(Settings.declared()).index("job_queue_size"), SOURCE)
    assert place.data() == "config.properties, line 2"
    assert str(tmp_path) in place.data(Qt.ItemDataRole.ToolTipRole)


def test_what_opens_a_door_is_known_while_it_is_typed() -> None:
    drafts = Drafts()
    model = SettingsModel(Settings(), drafts)
    keys = list(Settings.declared())
    value = model.index(keys.index("allowed_hosts"), VALUE)
    assert not value.data(IS_ALARM)
    drafts.type(model.rows[value.row()], "*")
    model.show_drafts()
    assert value.data(IS_ALARM)
    assert "web pages" in value.data(Qt.ItemDataRole.ToolTipRole)
    assert not model.index(value.row(), SOURCE).data(IS_ALARM)
    drafts.type(model.rows[keys.index("job_queue_size")], "many")
    model.show_drafts()
    assert list(model.doors) == ["allowed_hosts"]


def test_settings_that_marina_would_not_start_with_are_refused() -> None:
    drafts = Drafts()
    model = SettingsModel(Settings(), drafts)
    typed = {"management_address": "http://0.0.0.0:8081", "disable_token_authorization": "true"}
    for key, text in typed.items():
        assert model.refusal == ""
        drafts.type(by_key(Settings())[key], text)
        model.show_drafts()
    assert "insecure_network" in model.refusal
    drafts.type(by_key(Settings())["insecure_network"], "true")
    model.show_drafts()
    assert model.refusal == ""
    assert list(doors(drafts.meant(Settings(), model.rows))) == ["insecure_network"]
