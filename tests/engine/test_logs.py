"""Log lines reach the file and the console, from any thread, until the logs are closed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.logs import FILE_NAME, Logs


@pytest.fixture(autouse=True)
def root_level() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    yield
    root.setLevel(before)


def test_lines_go_to_the_file_and_the_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = Logs(tmp_path / "deep" / "logs")
    logs.open()
    logging.getLogger("marina.test").info("model %s is é", "noop")
    logging.getLogger("marina.test").debug("not worth a line")
    logs.close()
    logs.close()
    logging.getLogger("marina.test").info("too late")

    text = (tmp_path / "deep" / "logs" / FILE_NAME).read_text(encoding="utf-8")
    assert text.endswith("INFO    marina.test: model noop is é\n")
    assert text.count("\n") == 1
    assert capsys.readouterr().err == text


def test_a_program_without_a_console_logs_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    logs = Logs(tmp_path)
    logs.open()
    logging.getLogger("marina.test").warning("nobody watches")
    logs.close()

    assert "nobody watches" in (tmp_path / FILE_NAME).read_text()
