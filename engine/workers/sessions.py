"""The sessions that worker processes lead, with the processes that handlers start in them. Blocks for a moment."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import psutil


def kill_session(leader: int) -> None:
    """Kill the processes that are left of the session of a process that has ended.

    On Linux members are found by their session, since the leader's pid may be another process's by now. Elsewhere the
    process group is killed, which has the pid of its leader.
    """
    if sys.platform != "linux":
        with contextlib.suppress(OSError):
            os.killpg(leader, signal.SIGKILL)
        return
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if pid != leader and os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)
