"""The scripts behind `make setup` and the refusals of `make run`; nothing here installs anything."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "packaging" / "setup"))


@pytest.fixture
def environment(scripts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:  # noqa: ARG001 - a path
    """The script over a project of its own, whose environment is there but empty."""
    module = importlib.import_module("environment")
    for name in module.INGREDIENTS:
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "ENVIRONMENT", tmp_path)
    monkeypatch.setattr(module, "python", lambda _folder: Path(sys.executable))
    return module


@pytest.fixture
def qt_libraries(scripts: None, monkeypatch: pytest.MonkeyPatch) -> ModuleType:  # noqa: ARG001 - a path
    """The script on a Linux without apt-get, which lacks one library."""
    module = importlib.import_module("qt_libraries")
    monkeypatch.setattr(module, "LIBRARIES", {"libc.so.6": "libc6", "libnowhere.so.0": "libnowhere0"})
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module.shutil, "which", lambda _name: None)
    return module


def counting(module: ModuleType, monkeypatch: pytest.MonkeyPatch, result: int) -> list[int]:
    """Replace the installation by one that notes each call and returns `result`."""
    calls: list[int] = []

    def install(_extras: Sequence[str], _folder: Path) -> int:
        calls.append(result)
        return result

    monkeypatch.setattr(module, "install", install)
    return calls


def test_installs_once_and_again_when_an_ingredient_changed(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counting(environment, monkeypatch, 0)
    assert [environment.main(), environment.main(), len(calls)] == [0, 0, 1]
    (environment.ROOT / "constraints.txt").write_text("changed")
    assert [environment.main(), len(calls)] == [0, 2]


def test_installs_each_choice_of_extras_by_itself(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counting(environment, monkeypatch, 0)
    assert [environment.main("test"), environment.main("test", "models"), environment.main("test")] == [0, 0, 0]
    assert len(calls) == 2


def test_tries_again_after_an_installation_that_failed(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = counting(environment, monkeypatch, 1)
    assert [environment.main(), environment.main(), len(calls)] == [1, 1, 2]
    assert "could not be installed" in capsys.readouterr().err


def test_names_the_python_that_is_too_old(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = counting(environment, monkeypatch, 0)
    monkeypatch.setattr(environment, "OLDEST", (99, 0))
    assert [environment.main(), len(calls)] == [1, 0]
    assert sys.version.split()[0] in capsys.readouterr().err


def test_names_the_command_for_a_missing_library(qt_libraries: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert qt_libraries.main() == 1
    assert capsys.readouterr().err.rstrip().endswith("sudo apt-get install libnowhere0")


def test_asks_for_no_library_outside_linux(qt_libraries: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qt_libraries.sys, "platform", "darwin")
    assert qt_libraries.main() == 0


def test_is_content_when_every_library_is_there(qt_libraries: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qt_libraries, "loads", lambda _library: True)
    assert qt_libraries.main() == 0


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("make") is None, reason="the Makefile asks Linux alone")
@pytest.mark.parametrize(
    ("display", "said"),
    [({}, "make serve"), ({"DISPLAY": ":0"}, "marina --sample"), ({"WAYLAND_DISPLAY": "w"}, "--sample")],
)
def test_make_run_names_the_way_out_without_a_display(display: dict[str, str], said: str) -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "MAKEFLAGS", "MAKELEVEL")
    shell = {name: value for name, value in os.environ.items() if name not in hidden}
    planned = subprocess.run(
        ["make", "--dry-run", "run"], cwd=ROOT, env=shell | display, capture_output=True, text=True, check=True
    )
    assert said in planned.stdout
