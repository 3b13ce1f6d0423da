"""Standard input, output and error of the programs, which may be closed, full, or a pipe without a reader. Blocking.

A daemon, or `ssh host 'marina-server <&- >&- 2>&- &'`, starts a program with descriptors 0, 1 and 2 closed. Whatever it
opens first then gets these numbers, and processes that it starts take a socket for their standard input.
"""

from __future__ import annotations

import contextlib
import os
import sys

_NAMES = ("stdin", "stdout", "stderr")


def open_standard_streams() -> None:
    """Connect descriptors 0, 1 and 2 to the null device where they are closed; call it before anything is opened."""
    if os.name != "posix":
        return
    for descriptor, name in enumerate(_NAMES):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free descriptor is taken, and those below are open by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - the os module's signature
            setattr(sys, name, open(descriptor, "r" if descriptor == 0 else "w", encoding="utf-8"))  # noqa: SIM115, PTH123


def write_line(text: str) -> None:
    """Write a line to standard output at once. Output that cannot be written is given up, and Marina goes on."""
    try:
        # In one piece, since the log may go to the same console.
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        # Python writes what is left at the end of the process, which must not fail again.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
