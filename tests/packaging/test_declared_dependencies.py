"""What Marina imports is what its package says it needs: nothing may come along by way of something else."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = {"engine", "gui", "ts"}


def canonical(name: str) -> str:
    """As the Python packaging specification compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {canonical(re.split(r"[<>=!~;\[ ]", entry, maxsplit=1)[0]) for entry in project["dependencies"]}


def imported() -> Iterator[str]:
    for package in ("engine", "gui"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module


def test_every_import_is_declared() -> None:
    foreign = {name.partition(".")[0] for name in imported()} - sys.stdlib_module_names - OWN
    packages = packages_distributions()
    brought = {name: {canonical(package) for package in packages.get(name, [])} for name in foreign}
    assert {name: by for name, by in brought.items() if not by & declared()} == {}
