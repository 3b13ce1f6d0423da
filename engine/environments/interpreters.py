"""The interpreters that workers may run on: Marina's own, or another that has said what it is. On the loop."""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from engine.deadlines import time_limit
from engine.frozen import own_python

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.environments.processes import Run

EXAMINER = Path(__file__).parent.parent / "runtime" / "examine.py"
# What the examiner prints before its answer: whatever libraries print while they are imported comes earlier.
ANSWER = "marina:"
OLDEST = (3, 9)
# A first `import torch` from a slow disk takes long; in seconds.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that can run workers.

    `torch` is that package's version, empty when it cannot be imported; `cuda` whether it sees a GPU. Marina's own is
    not asked for either. `module_path` is where it looks for modules.
    """

    path: str
    version: tuple[int, int, int]
    module_path: tuple[str, ...]
    torch: str = ""
    cuda: bool = False

    def __str__(self) -> str:
        """Return path, version, torch and CUDA in words."""
        torch = f"torch {self.torch} with{'' if self.cuda else 'out'} CUDA" if self.torch else "no torch"
        return f"{self.path}: Python {'.'.join(map(str, self.version))}, {torch}"


def own_interpreter() -> Interpreter:
    """Return the one that Marina brings."""
    return Interpreter(own_python(), sys.version_info[:3], tuple(sys.path))


async def examine(path: str, variables: Mapping[str, str], run: Run) -> Interpreter:
    """Run the interpreter at `path` once, with `variables` as its environment, and return what it says about itself.

    Raises ValueError with the reason, "it ...", when it cannot run workers.
    """
    if not PurePath(path).is_absolute():
        raise ValueError("it is no absolute path")
    printed: dict[str, list[str]] = {"stdout": [], "stderr": []}
    try:
        async with time_limit(PATIENCE):
            code = await run(
                [path, str(EXAMINER)], EXAMINER.parent, variables, lambda stream, line: printed[stream].append(line)
            )
    except TimeoutError:
        raise ValueError(f"it did not answer within {PATIENCE:.0f} seconds") from None
    except OSError as error:
        raise ValueError(f"it cannot be started: {error.strerror or error}") from error
    if code:
        raise ValueError(f"it ended with code {code}: {' '.join(printed['stderr'][-1:])}")
    return _interpreter(path, _answer(printed["stdout"]))


def require_trusted(path: Path, model_store: Path) -> None:
    """Raise ValueError with the reason, "it ...", when somebody else may have put this program there. Blocking."""
    if path.resolve().is_relative_to(model_store.resolve()):
        raise ValueError("it lies in the model store, among the archives of others")
    if path.exists() and open_to_others(path):
        raise ValueError("every user of this machine may put another program in its place")


def open_to_others(path: Path) -> bool:
    """Whether every user of this machine may put another program in this one's place, or did. Blocking."""
    file, folder = path.stat(), path.parent.stat()
    if not (file.st_mode | folder.st_mode) & stat.S_IWOTH or sys.platform == "win32":
        return False
    is_sticky = folder.st_mode & stat.S_ISVTX and not file.st_mode & stat.S_IWOTH
    return not (is_sticky and file.st_uid in (0, os.getuid()))


def _answer(lines: list[str]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads("".join(lines[lines.index(ANSWER) + 1 :]))
    except ValueError:
        raise ValueError("it does not answer as a Python does") from None
    return answer


def _interpreter(path: str, answer: dict[str, Any]) -> Interpreter:
    major, minor, micro = answer["version"]
    if (major, minor) < OLDEST:
        raise ValueError(f"it is Python {major}.{minor}, and workers need {OLDEST[0]}.{OLDEST[1]} or newer")
    return Interpreter(path, (major, minor, micro), tuple(answer["module_path"]), answer["torch"], answer["cuda"])
