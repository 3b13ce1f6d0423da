"""The file with the process id of a server that `torchserve --start` started, where TorchServe has it. Blocking.

It lies in the folder for temporary files, which others may write too. So the process that it names must be of the
file's owner, must be older than the file, and must have been started as `torchserve`.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

NAME = ".model_server.pid"
# The clocks of processes and of files may differ by this many seconds.
TOLERANCE = 2.0


@dataclass(frozen=True, slots=True)
class PidFile:
    """The file at `path`; `command` is a word of the command line of every process that it may name."""

    path: Path
    command: str

    @classmethod
    def of_user(cls, command: str) -> PidFile:
        """Return the file in the folder for temporary files (TMPDIR, TEMP or TMP)."""
        return cls(Path(tempfile.gettempdir(), NAME), command)

    def pid(self) -> int | None:
        """Return the number in the file, None without a file of that kind."""
        try:
            text = self.path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        return int(text) if re.fullmatch(r"[1-9][0-9]{0,8}", text) else None

    def process(self) -> psutil.Process | None:
        """Return the server that the file names, None when there is none."""
        pid = self.pid()
        if pid is None or pid == os.getpid():
            return None
        try:
            file, process = self.path.lstat(), psutil.Process(pid)
            is_ours = (
                file.st_mtime + TOLERANCE >= process.create_time()
                and (os.name == "nt" or process.uids().real == file.st_uid)
                and process.status() != psutil.STATUS_ZOMBIE
                and self.command in [Path(word).stem for word in process.cmdline()]
            )
        except (OSError, psutil.Error):
            return None
        return process if is_ours else None

    def write(self, pid: int) -> None:
        """Name a process; raises OSError. A link is not followed, for anybody may have made it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(self.path, flags, 0o644), "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(str(pid))

    def remove(self, pid: int) -> None:
        """Remove the file if it names this process."""
        if self.pid() == pid:
            self.path.unlink(missing_ok=True)
