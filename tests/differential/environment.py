"""The virtual environment of the TorchServe that Marina is compared with, `.venv-torchserve`. Blocking.

It is made once, and again when what it holds or the Python that makes it changes. torch is of the version that Marina's
own workers have, so that tensors and numbers are written alike.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-torchserve"
STAMP = ENVIRONMENT / "marina-differential.sha256"
CONSTRAINTS = ROOT / "constraints.txt"
TORCHSERVE = ("torchserve==0.12.0", "torch-model-archiver==0.12.0")
# What TorchServe and its workers import, at the versions of `constraints.txt`.
NEEDED = ("torch", "numpy", "packaging", "psutil", "PyYAML", "pillow")
OLDEST_JAVA = 17


class PeerMissingError(Exception):
    """There can be no TorchServe on this machine; the text says why."""


def prepare() -> None:
    """Make the environment unless it is there; raises PeerMissingError."""
    _require_java()
    wanted = _fingerprint()
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    sys.stderr.write(f"\nSetting up {ENVIRONMENT.name}; the first time this takes some minutes and 1.5 GB.\n")
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run([program("python"), "-m", "pip", "install", "-qq", *_packages()], env=quiet, check=False)
    if done.returncode:
        raise PeerMissingError("TorchServe cannot be installed here; pip's own words are above")
    STAMP.write_text(wanted, encoding="utf-8")


def program(name: str) -> str:
    """Return the path of a program of the environment."""
    return str(ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin") / name)


def _packages() -> list[str]:
    pinned = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    wanted = {name.lower() for name in NEEDED}
    return [*TORCHSERVE, *(line for line in pinned if line.partition("==")[0].lower() in wanted)]


def _fingerprint() -> str:
    return hashlib.sha256("\n".join([sys.version, *_packages()]).encode()).hexdigest()


def _require_java() -> None:
    java = shutil.which("java", path=_java_path())
    if java is None:
        raise PeerMissingError(f"TorchServe needs Java {OLDEST_JAVA}, and there is no java on the path")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise PeerMissingError(f"TorchServe needs Java {OLDEST_JAVA}; {java} says {told.strip()!r}")


def _java_path() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home, "bin")) if home else None
