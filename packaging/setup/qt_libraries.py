"""Checks for the shared libraries that Qt needs on Linux, and installs them with apt-get where that is allowed.

Run by the Makefile; standard library alone. PySide6's wheels bring Qt, but not what Qt expects from the system.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys

# Debian's package for each library: the first ones every Qt program needs, the others its xcb plugin, for a window.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}


def main() -> int:
    """Return the exit code; a library that stays missing is named with the command that installs it."""
    if not sys.platform.startswith("linux"):
        return 0
    packages = missing()
    if packages and not install(packages):
        sys.stderr.write(
            "Qt needs shared libraries that are missing here. On Debian or Ubuntu: "
            f"sudo apt-get install {' '.join(packages)}\n"
        )
        return 1
    return 0


def missing() -> list[str]:
    """Return Debian's names of the libraries that cannot be loaded."""
    return [package for library, package in LIBRARIES.items() if not loads(library)]


def loads(library: str) -> bool:
    """Whether the system has the library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install(packages: list[str]) -> bool:
    """Install with apt-get as root or through a sudo that asks nothing; returns whether the libraries are there now."""
    if shutil.which("apt-get") is None or (prefix := rights()) is None:
        return False
    sys.stderr.write(f"Installing packages of the system: {' '.join(packages)}\n")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run([*prefix, "apt-get", "-qq", *arguments], env=quiet, stdout=subprocess.DEVNULL, check=False)
    return not missing()


def rights() -> list[str] | None:
    """Return what to put before apt-get: nothing for root, sudo where it works without a password, None otherwise."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


if __name__ == "__main__":
    sys.exit(main())
