"""The files that an interpreter runs for the engine before it runs workers: what it says, what it makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).parent.parent.parent / "engine" / "runtime"

pytestmark = pytest.mark.end_to_end


def examined(folder: Path, torch: str) -> dict[str, Any]:
    """Return what this interpreter says about itself, with the source `torch` in place of the real package."""
    (folder / "torch.py").write_text(torch)
    done = subprocess.run(
        [sys.executable, str(RUNTIME / "examine.py")],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.partition("marina:\n")[2])
    return answer


def test_an_interpreter_says_version_modules_and_what_torch_can(tmp_path: Path) -> None:
    torch = "import types; print('noise'); __version__ = '9.9'; cuda = types.SimpleNamespace(is_available=lambda: 1)"

    answer = examined(tmp_path, torch)

    assert answer["version"] == list(sys.version_info[:3])
    assert (answer["torch"], answer["cuda"]) == ("9.9", True)
    assert str(tmp_path) in answer["module_path"]
    assert str(RUNTIME) not in answer["module_path"]


def test_a_broken_torch_counts_as_none(tmp_path: Path) -> None:
    answer = examined(tmp_path, "raise OSError('no libcudart')")

    assert (answer["torch"], answer["cuda"]) == ("", False)


def test_a_virtual_environment_sees_the_packages_of_the_one_it_was_made_from(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(RUNTIME / "make_venv.py"), str(tmp_path / "venv")], check=True)
    own = next((tmp_path / "venv").rglob("site-packages"))
    (own / "yaml.py").write_text("")
    python = tmp_path / "venv" / "bin" / "python"

    found = subprocess.run(
        [str(python), "-c", "import msgspec, pip, yaml; print(pip.__file__); print(yaml.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )

    inherited, shadowing = map(Path, found.stdout.splitlines())
    assert not inherited.is_relative_to(tmp_path)
    assert shadowing.parent.resolve() == own.resolve()
