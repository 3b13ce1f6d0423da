"""The virtual environment of the TorchServe that Marina is compared with, `.venv-torchserve`. Blocking."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.peer_environments import ROOT, PeerEnvironment, PeerMissingError

TORCHSERVE = ("torchserve==0.12.0", "torch-model-archiver==0.12.0")
# What TorchServe and its workers import.
NEEDED = ("torch", "numpy", "packaging", "psutil", "PyYAML", "pillow")
ENVIRONMENT = PeerEnvironment(ROOT / ".venv-torchserve", TORCHSERVE, NEEDED)
OLDEST_JAVA = 17


def prepare() -> None:
    """Make the environment unless it is there; raises PeerMissingError."""
    _require_java()
    ENVIRONMENT.prepare()


def program(name: str) -> str:
    """Return the path of a program of the environment."""
    return ENVIRONMENT.program(name)


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
