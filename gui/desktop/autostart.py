"""Starting Marina at login: a desktop entry in the user's autostart folder (freedesktop.org). Blocks, but for `reason`.

The file itself is the setting: nothing else remembers it, so that a file removed by hand counts.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

QUOTED = '"`$\\'


def reason() -> str:
    """Say why this system cannot; empty when it can."""
    if sys.platform == "linux":
        return ""
    return tr("Marina can start at login on Linux only. Add it to your system's own list of login items.")


def entry_path(environ: Mapping[str, str]) -> Path:
    """Where the entry of this user lies, whether or not it is there."""
    config = environ.get("XDG_CONFIG_HOME", "")
    folder = Path(config) if Path(config).is_absolute() else Path.home() / ".config"
    return folder / "autostart" / "marina.desktop"


def command(environ: Mapping[str, str]) -> list[str]:
    """How this Marina is started, in the same home: the program beside its interpreter, else the interpreter itself.

    In the bundle the program is its own interpreter, and so beside itself.
    """
    program = Path(sys.executable).with_name("marina")
    started = [str(program)] if program.is_file() else [sys.executable, "-m", "gui"]
    home = environ.get("MARINA_HOME")
    return ["env", f"MARINA_HOME={Path(home).absolute()}", *started] if home else started


def is_on(path: Path) -> bool:
    """Whether Marina starts at login."""
    return path.is_file()


def switch(path: Path, command: Sequence[str], *, on: bool) -> None:
    """Write the entry, or remove it; raises OSError."""
    if not on:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(entry(command), encoding="utf-8")


def entry(command: Sequence[str]) -> str:
    """The text of the desktop entry."""
    run = " ".join(_quoted(part) for part in command)
    return f"[Desktop Entry]\nType=Application\nName=Marina\nIcon=marina\nTerminal=false\nExec={run}\n"


def _quoted(part: str) -> str:
    """Quote for Exec, then for the file: a backslash is written twice in each (Desktop Entry Specification)."""
    inner = "".join(f"\\{char}" if char in QUOTED else char for char in part.replace("%", "%%"))
    return f'"{inner}"'.replace("\\", "\\\\")
