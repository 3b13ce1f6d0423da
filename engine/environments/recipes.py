"""What an environment is made from, how, and the name that tells it from others. `key_of` reads files: in a thread."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.environments.interpreters import Interpreter

VENV_MAKER = Path(__file__).parent.parent / "runtime" / "make_venv.py"
MAX_SIZE = 1024 * 1024
KEY_LENGTH = 32
# One package by its name, with extras, versions and a marker: nothing that could lie in the archive.
_PLAIN = re.compile(r"(?!\S*\.(whl|zip|gz|bz2|xz)\b)\w[\w.-]*\s*(\[[\w,. -]*\])?\s*([<>=!~;(][^/\\]*)?")
_COMMENT = re.compile(r"(^|\s)#.*")
_PIP = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--upgrade")


@dataclass(frozen=True, slots=True)
class Recipe:
    """The packages that `requirements` lists, a file of the unpacked archive `folder`, for `interpreter`.

    `venv` asks for a virtual environment that inherits the interpreter's packages, so that torch is not fetched again;
    else all of them go into a plain folder that the workers' module path begins with (TorchServe: `useVenv`).
    """

    interpreter: Interpreter
    folder: Path
    requirements: Path
    venv: bool

    def commands(self, target: Path) -> list[list[str]]:
        """Return what makes the environment in the empty folder `target`, to be run in the archive's folder."""
        listed = ["-r", str(self.requirements)]
        if not self.venv:
            return [[self.interpreter.path, *_PIP, "--target", str(target), *listed]]
        return [
            [self.interpreter.path, str(VENV_MAKER), str(target)],
            [self.python(target), *_PIP, "--upgrade-strategy", "only-if-needed", *listed],
        ]

    def python(self, target: Path) -> str:
        """Return the interpreter that sees the packages in `target`."""
        if not self.venv:
            return self.interpreter.path
        return str(target / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))

    def packages(self, target: Path) -> Path:
        """Return the folder in `target` that the packages lie in."""
        if not self.venv:
            return target
        major, minor, _ = self.interpreter.version
        return target / ("Lib" if os.name == "nt" else f"lib/python{major}.{minor}") / "site-packages"


def key_of(recipe: Recipe) -> str:
    """Return the same name for what would be made the same way: form, interpreter and requirements decide.

    Where the requirements may mean files of the archive, these decide as well.

    Raises OSError when the requirements cannot be read, ValueError when they are too large.
    """
    if recipe.requirements.stat().st_size > MAX_SIZE:
        raise ValueError(f"the requirements file is larger than {MAX_SIZE} bytes")
    text = recipe.requirements.read_bytes()
    major, minor, _ = recipe.interpreter.version
    digest = hashlib.sha256(repr((recipe.venv, recipe.interpreter.path, major, minor, text)).encode())
    if not is_plain(text.decode("utf-8", "replace")):
        for path in _files(recipe.folder):
            digest.update(repr((path.relative_to(recipe.folder).as_posix(), path.stat().st_size)).encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:KEY_LENGTH]


def is_plain(text: str) -> bool:
    """Whether requirements name packages alone, and no file, folder, address or option."""
    lines = (_COMMENT.sub("", line).strip() for line in text.splitlines())
    return all(_PLAIN.fullmatch(line) for line in lines if line)


def _files(folder: Path) -> Iterator[Path]:
    """Give the files of an archive in order, without what Python leaves in a folder that is used where it lies."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
