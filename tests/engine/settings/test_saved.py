from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SettingsError
from engine.home import Home
from engine.settings import Settings, load, properties, read_saved, save

KEPT = "# mine\nunknown = kept \\\n  on two lines\njob_queue_size = 7\n! other\n"


def effective(saved: Path, folder: Path, *arguments: str, **environ: str) -> Settings:
    return load(arguments, environ, folder, program="marina", saved=saved)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "saved.properties"


def test_what_was_saved_counts_at_the_next_start_and_is_free_to_change(file: Path, tmp_path: Path) -> None:
    save(file, {"job_queue_size": "50", "inference_address": "http://127.0.0.1:9090"})
    settings = effective(file, tmp_path)
    assert (settings.job_queue_size, settings.inference_address.port) == (50, 9090)
    assert settings.source("job_queue_size") == f"saved settings line 1 ({file})"
    assert settings.is_free("job_queue_size")
    assert settings.is_free("restore")
    assert file.stat().st_mode & 0o777 == 0o600


def test_every_other_source_goes_before_and_is_not_free(file: Path, tmp_path: Path) -> None:
    save(file, {"job_queue_size": "50", "model_store": str(tmp_path), "max_request_size": "9"})
    (tmp_path / "config.properties").write_text("job_queue_size=60\nenable_envvars_config=true\n", encoding="utf-8")
    store = tmp_path / "store"
    store.mkdir()
    options = ("--ts-config", "config.properties", "--model-store", str(store))
    settings = effective(file, tmp_path, *options, TS_MAX_REQUEST_SIZE="10")
    assert (settings.job_queue_size, settings.model_store, settings.max_request_size) == (60, store, 10)
    assert not any(settings.is_free(key) for key in ("job_queue_size", "model_store", "max_request_size"))


def test_lines_of_others_are_kept_and_a_value_is_replaced_in_its_place(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(KEPT, encoding="utf-8")
    save(file, {"job_queue_size": "8", "worker_python": "/usr/bin/python3"})
    expected = KEPT.replace("job_queue_size = 7", "job_queue_size=8") + "worker_python=/usr/bin/python3\n"
    assert file.read_text(encoding="utf-8") == expected
    save(file, {"job_queue_size": None, "worker_python": None})
    assert file.read_text(encoding="utf-8") == KEPT.replace("job_queue_size = 7\n", "")
    assert read_saved(file) == {}


def test_a_bad_value_saves_nothing(file: Path) -> None:
    save(file, {"job_queue_size": "8"})
    with pytest.raises(SettingsError, match="max_request_size"):
        save(file, {"job_queue_size": "9", "max_request_size": "much"})
    with pytest.raises(SettingsError, match="there is no folder"):
        save(file, {"model_store": "/nowhere/at/all"})
    assert read_saved(file) == {"job_queue_size": "8"}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_saved_value_that_cannot_be_used_is_passed_over_with_its_reason(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    file.write_text("model_store=/gone\njob_queue_size=9\nstranger=1\n", encoding="utf-8")
    settings = effective(file, tmp_path)
    assert (settings.model_store, settings.job_queue_size) == (None, 9)
    assert settings.source("model_store") == "default"
    assert settings.unknown_keys == ("stranger",)
    assert len(settings.problems) == 1
    assert "/gone" in settings.problems[0]


def test_a_saved_file_that_cannot_be_read_is_passed_over_and_never_written_over(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    file.write_text("a=\\u12\n", encoding="utf-8")
    assert "no properties file" in effective(file, tmp_path).problems[0]
    with pytest.raises(SettingsError, match="no properties file"):
        save(file, {"job_queue_size": "8"})
    assert file.read_text(encoding="utf-8") == "a=\\u12\n"


def test_a_folder_in_the_files_place_is_an_error_in_words(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(SettingsError, match="cannot be read"):
        save(file, {"job_queue_size": "8"})


def test_the_files_lie_in_the_home(tmp_path: Path) -> None:
    home = Home.find({"MARINA_HOME": str(tmp_path)})
    assert home.settings_file == tmp_path / "saved.properties"
    assert home.window_file == tmp_path / "window.ini"


def test_a_file_that_ends_in_the_middle_of_a_line_is_ended_first() -> None:
    for end in ("", "\\", "\\\r", "\\\n", "\r"):
        entries = properties.parse(properties.edited(f"b=1{end}", {"a": "2"}))
        assert [(entry.key, entry.value) for entry in entries] == [("b", "1"), ("a", "2")]


@given(
    st.text(st.sampled_from("ab=: \\\n\r#!\f\u2028é"), max_size=40),
    st.dictionaries(st.sampled_from("ab"), st.text(st.sampled_from("xy=\\#\n\r\u2028"), max_size=5), max_size=2),
)
def test_editing_changes_what_it_is_told_and_nothing_else(text: str, changes: dict[str, str]) -> None:
    before = {entry.key: entry.value for entry in properties.parse(text)}
    after = {entry.key: entry.value for entry in properties.parse(properties.edited(text, changes))}
    assert after == before | changes
    gone = properties.parse(properties.edited(text, dict.fromkeys(changes)))
    assert {entry.key: entry.value for entry in gone} == {k: v for k, v in before.items() if k not in changes}
