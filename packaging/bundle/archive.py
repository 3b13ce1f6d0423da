"""Completes the bundle by what its desktop is told, and on Linux makes the archive of it that people get, a tar.gz.

Run by `make bundle` with the folder that PyInstaller made; needs Qt for the icons, but no display. tar keeps the links
between libraries, which zip would write as further copies.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tarfile
from pathlib import Path

from icons import ROOT, write_theme

from engine import VERSION

LINUX = ROOT / "packaging" / "linux"
WINDOWS = ROOT / "packaging" / "windows"
SCRIPTS = ("install.sh", "uninstall.sh", "common.sh")
# Laid out as in the user's data folder (XDG Base Directory Specification): install.sh copies all of it there.
SHARED = {
    "marina.desktop": "applications/marina.desktop",
    "application-x-torch-model-archive.xml": "mime/packages/application-x-torch-model-archive.xml",
}
# The usual level saves a tenth more in about four times as long.
QUICK = 1


def main(bundle: str) -> int:
    """Complete the folder `bundle`, on Linux write its archive beside it, and print the size; returns the exit code."""
    folder = Path(bundle)
    if sys.platform == "win32":
        shutil.copy(WINDOWS / "associate.ps1", folder)
    elif sys.platform == "linux":
        complete(folder)
        archive = pack(folder, f"marina-{VERSION}-linux-{platform.machine()}")
        sys.stdout.write(f"{archive}: {archive.stat().st_size / 1e6:.0f} MB\n")
    return 0


def complete(folder: Path) -> None:
    """Put the scripts, the licence and what the desktop is told into the bundle."""
    for script in SCRIPTS:
        shutil.copy(LINUX / script, folder)
    shutil.copy(ROOT / "LICENSE", folder)
    for name, place in SHARED.items():
        (folder / "share" / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(LINUX / name, folder / "share" / place)
    write_theme(folder / "share" / "icons" / "hicolor")


def pack(folder: Path, name: str) -> Path:
    """Write NAME.tar.gz beside the folder, with everything of it below one folder NAME; returns its path.

    It gets its name when it is whole.
    """
    archive = folder.with_name(f"{name}.tar.gz")
    unfinished = archive.with_name(f".{archive.name}.unfinished")
    with tarfile.open(unfinished, "w:gz", compresslevel=QUICK) as tar:
        tar.add(folder, name, filter=_nobodys)
    return unfinished.rename(archive)


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
