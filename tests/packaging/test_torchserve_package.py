"""The package that holds the command `torchserve`."""

from __future__ import annotations

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from engine import torchserve_command

ROOT = Path(__file__).parents[2]


def project(folder: Path) -> dict[str, Any]:
    return dict(tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def test_the_extra_brings_the_command_and_marina_itself_does_not() -> None:
    marina, package = project(ROOT), project(ROOT / "packaging" / "torchserve")
    assert package["scripts"].keys() == {"torchserve"}
    assert EntryPoint("torchserve", package["scripts"]["torchserve"], "").load() is torchserve_command.main
    assert package["dependencies"] == [marina["name"]]
    [extra] = marina["optional-dependencies"]["torchserve"]
    assert extra.startswith(package["name"])
    assert "torchserve" not in marina["scripts"]
