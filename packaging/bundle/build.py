"""Builds the bundle, `dist/marina`, and says what its parts weigh and how long it took. Run by the Makefile.

Any Python from 3.11 on with a shared library will do; the bundle takes what it has. What goes in is installed into an
environment of its own, so that nothing else can slip in.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "packaging" / "setup"))

import environment  # noqa: E402 - lies in the folder named above
import programs  # noqa: E402
from sizes import LIBRARIES, table, weigh  # noqa: E402

ENVIRONMENT = ROOT / ".venv-bundle"
BUNDLE = ROOT / "dist" / "marina"
LOG = ROOT / "build" / "bundle.log"


def main() -> int:
    """Build; returns the exit code."""
    started = time.monotonic()
    if programs.main("objdump", "strip") or environment.main("bundle", folder=ENVIRONMENT):
        return 1
    environment.say("Building dist/marina; this takes some minutes.")
    if collect():
        return environment.fail(f"The bundle could not be built; what PyInstaller says is in {LOG.relative_to(ROOT)}.")
    if sys.platform == "linux":
        strip(BUNDLE / LIBRARIES)
    environment.say(f"{table(weigh(BUNDLE))}\nBuilt in {time.monotonic() - started:.0f} s: {BUNDLE.relative_to(ROOT)}")
    archive = [str(environment.python(ENVIRONMENT)), "packaging/bundle/archive.py", str(BUNDLE)]
    return subprocess.run(archive, cwd=ROOT, check=False).returncode


def collect() -> int:
    """Run PyInstaller; returns its exit code. It says some hundred lines, and torch warns of parts of itself."""
    command = [str(environment.python(ENVIRONMENT)), "-m", "PyInstaller", "--noconfirm", "packaging/marina.spec"]
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:
        return subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False).returncode


def strip(folder: Path) -> None:
    """Take the names that only debuggers want out of the libraries: a fifth of the whole.

    Those in folders like numpy.libs were given new names by auditwheel, and would not load any more.
    """
    found = (path for path in folder.rglob("*.so*") if path.is_file() and not path.is_symlink())
    libraries = [str(path) for path in found if not path.parent.name.endswith(".libs")]
    subprocess.run(["strip", *libraries], check=True)  # noqa: S607 - the one on the PATH


if __name__ == "__main__":
    sys.exit(main())
