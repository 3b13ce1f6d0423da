"""Checks for programs of the system that the bundle is built and tried with, and installs them as `qt_libraries` does.

Run with the names of the programs; standard library alone. On Linux only: elsewhere nothing of the kind is needed.
"""

from __future__ import annotations

import shutil
import sys

from qt_libraries import install

# Debian's package for each program.
PACKAGES = {
    "desktop-file-validate": "desktop-file-utils",
    "gio": "libglib2.0-bin",
    "mimetype": "libfile-mimeinfo-perl",
    "objdump": "binutils",
    "strip": "binutils",
    "shellcheck": "shellcheck",
    "update-mime-database": "shared-mime-info",
    "xdg-mime": "xdg-utils",
    "xdotool": "xdotool",
    "Xvfb": "xvfb",
}


def main(*names: str) -> int:
    """Return the exit code; a program that stays missing is named with the command that installs it."""
    if not sys.platform.startswith("linux"):
        return 0
    absent = missing(names)
    if absent:
        install(absent)
    if absent := missing(names):
        sys.stderr.write(f"Programs are missing here. On Debian or Ubuntu: sudo apt-get install {' '.join(absent)}\n")
        return 1
    return 0


def missing(names: tuple[str, ...]) -> list[str]:
    """Return Debian's names of the packages whose programs are not on the PATH."""
    return sorted({PACKAGES[name] for name in names if shutil.which(name) is None})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
