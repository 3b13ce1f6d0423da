from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from gui import __main__ as program

if TYPE_CHECKING:
    from pathlib import Path


def start(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["marina", *arguments])
    with pytest.raises(SystemExit) as left:
        program.main()
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_bad_setting_ends_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.properties").write_text("management_address=nowhere\n", encoding="utf-8")
    assert start(monkeypatch, tmp_path) == 1
    assert "management_address" in capsys.readouterr().err


def test_the_version_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(monkeypatch, tmp_path, "--version") == 0
    assert capsys.readouterr().out.startswith("Marina ")
