"""Makes Marina's virtual environments, above all `.venv`, and brings them up to date when their ingredients changed.

Run by the Makefile with any Python from 3.11 on, with the extras to install; standard library alone. Does nothing when
there is nothing to do.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
INGREDIENTS = ("pyproject.toml", "setup.py", "constraints.txt")
PROTOS = "engine/rpc/protos/*.proto"  # setup.py compiles them
OLDEST = (3, 11)


def main(*extras: str, folder: Path | None = None) -> int:
    """Install Marina with `extras` of pyproject.toml, into `folder` or `.venv`.

    Returns the exit code, and says in one line what is wrong.
    """
    folder = folder or ENVIRONMENT
    if sys.version_info < OLDEST:
        return fail(f"Marina needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12")
    wanted, stamp = fingerprint(), folder / f"marina-setup-{'-'.join(extras)}.sha256"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return 0
    say(f"Setting up {folder.name}; the first time this takes a minute or two and 1.5 GB.")
    if not python(folder).exists():
        venv.create(folder, with_pip=True)
    if install(extras, folder):
        return fail("The packages could not be installed; pip's own words are above.")
    stamp.write_text(wanted, encoding="utf-8")
    return 0


def install(extras: Sequence[str], folder: Path) -> int:
    """Install Marina in place with these extras; returns pip's exit code."""
    what = f".[{','.join(extras)}]" if extras else "."
    command = [str(python(folder)), "-m", "pip", "install", "-q", "-e", what, "-c", "constraints.txt"]
    # pip prints nothing but errors: notes on newer versions of itself are of no use here.
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run([*command, "-q"], cwd=ROOT, env=quiet, check=False).returncode


def python(folder: Path) -> Path:
    """Return the environment's interpreter."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint() -> str:
    """Return a digest of everything that decides what is installed."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (*(ROOT / name for name in INGREDIENTS), *sorted(ROOT.glob(PROTOS))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def say(text: str) -> None:
    """Tell the person in front of the terminal."""
    sys.stderr.write(f"{text}\n")


def fail(text: str) -> int:
    """Tell what is wrong; returns the exit code for it."""
    say(text)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
