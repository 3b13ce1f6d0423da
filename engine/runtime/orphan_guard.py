"""Ends the worker processes of an engine that was killed, with everything in their sessions. A process of its own.

    python -S -E .../engine/runtime/orphan_guard.py

It reads lines from its standard input: `+ PID` for a worker that was started, `- PID` for one that has ended. The end
of the input means that the engine is gone: workers get a moment to leave by themselves, then their sessions are killed.
A worker that is stuck in native code does not notice that its engine is gone, and a fork server that would end it may
have been killed too.

Linux: sessions are found in /proc. A session is left alone when its leader is not the process that was reported, since
its pid may belong to another program by then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator

# How long workers may take to leave by themselves, in seconds; they allow their handlers half a second.
LEAVE_GRACE = 1.0


def main() -> int:
    """Follow the engine until its end; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    workers = {}
    for line in sys.stdin:
        sign, _, text = line.strip().partition(" ")
        pid = int(text)
        if sign == "+":
            workers[pid] = started(pid)
        else:
            workers.pop(pid, None)
    if workers:
        time.sleep(LEAVE_GRACE)
        for pid, start in workers.items():
            kill_session(pid, start)
    return 0


def started(pid: int) -> str | None:
    """Return when a process was started, in ticks since the machine's start; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - no import of pathlib
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def kill_session(leader: int, start: str | None) -> None:
    """Kill every process of a session, unless its leader is another process by now."""
    now = started(leader)
    if now is not None and now != start:
        return
    for pid in members(leader):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            os.kill(pid, signal.SIGKILL)


def members(leader: int) -> Iterator[int]:
    """Give the processes of a session."""
    for entry in os.listdir("/proc"):  # noqa: PTH208 - no import of pathlib
        if entry.isdigit():
            try:
                if os.getsid(int(entry)) == leader:
                    yield int(entry)
            except OSError:
                continue  # it has ended meanwhile


if __name__ == "__main__":
    sys.exit(main())
