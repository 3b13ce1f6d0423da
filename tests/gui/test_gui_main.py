from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.home import Home
from engine.home_lock import HomeLock
from gui import __main__ as program
from gui.desktop import second_start
from tests.support.server_process import PROJECT


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
    assert start(monkeypatch, tmp_path, "--ts-config", "config.properties") == 1
    assert "management_address" in capsys.readouterr().err


def test_the_version_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(monkeypatch, tmp_path, "--version") == 0
    assert capsys.readouterr().out.startswith("Marina ")


def test_a_home_with_a_server_is_refused_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MARINA_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["marina"])
    monkeypatch.chdir(tmp_path)
    told: list[Exception] = []
    monkeypatch.setattr(second_start, "refuse", told.append)
    lock = HomeLock(Home.find(os.environ), "marina-server")
    lock.acquire()
    assert program.main() == 1
    lock.release()
    assert "marina-server (process" in str(told[0])


def test_a_start_that_cannot_make_its_home_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MARINA_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr(sys, "argv", ["marina"])
    monkeypatch.chdir(tmp_path)
    told: list[Exception] = []
    monkeypatch.setattr(second_start, "refuse", told.append)
    assert program.main() == 1
    assert "Not a directory" in str(told[0])
    assert "MARINA_HOME" in str(told[0])


def test_a_second_start_loads_neither_engine_nor_widgets() -> None:
    heavy = {"torch", "aiohttp", "asyncio", "numpy", "pyqtgraph", "PySide6.QtWidgets", "engine.engine", "gui.window"}
    script = "import sys, gui.__main__; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, text=True, capture_output=True, check=True)
    assert heavy & set(loaded.stdout.split()) == set()
