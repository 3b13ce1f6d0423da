"""Virtual environments of the servers that Marina is compared with, beside `.venv`. Blocking.

Each is made once, and again when what it holds or the Python that makes it changes. Packages that `constraints.txt`
names come at its versions, so that torch is everywhere of the version that Marina's own workers have.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"


class PeerMissingError(Exception):
    """A peer cannot be had on this machine; the text says why."""


@dataclass(frozen=True)
class PeerEnvironment:
    """The environment `folder` with `packages` at versions of their own and `shared` ones at Marina's."""

    folder: Path
    packages: tuple[str, ...]
    shared: tuple[str, ...]

    def prepare(self) -> None:
        """Make the environment unless it is there; raises PeerMissingError."""
        stamp, wanted = self.folder / "marina-peer.sha256", self._fingerprint()
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            return
        sys.stderr.write(f"\nSetting up {self.folder.name}; the first time this takes some minutes and 1.5 GB.\n")
        venv.create(self.folder, with_pip=True, clear=True)
        self.install(self._wanted())
        stamp.write_text(wanted, encoding="utf-8")

    def install(self, packages: list[str]) -> None:
        """Install `packages` besides what is there; raises PeerMissingError."""
        quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        command = [self.program("python"), "-m", "pip", "install", "-qq", *packages]
        if subprocess.run(command, env=quiet, check=False).returncode:
            raise PeerMissingError(f"{packages[0]} cannot be installed here; pip's own words are above")

    def program(self, name: str) -> str:
        """Return the path of a program of the environment."""
        return str(self.folder / ("Scripts" if os.name == "nt" else "bin") / name)

    def _wanted(self) -> list[str]:
        return [*self.packages, *pinned(self.shared)]

    def _fingerprint(self) -> str:
        return hashlib.sha256("\n".join([sys.version, *self._wanted()]).encode()).hexdigest()


def pinned(names: tuple[str, ...]) -> list[str]:
    """Return the lines of `constraints.txt` for these packages."""
    wanted = {name.lower() for name in names}
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.partition("==")[0].lower() in wanted]
