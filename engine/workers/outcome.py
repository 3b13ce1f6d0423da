"""How a process ended, in words a person understands. Pure."""

from __future__ import annotations

import signal

# The shell's convention for "killed by SIGKILL", which memory killers and TorchServe use (TorchServe: answer 507).
KILLED_EXIT_CODE = 137


def describe_exit(returncode: int) -> str:
    """Say how a process with `returncode` (negative: ended by that signal) came to its end.

    >>> describe_exit(3)
    'exited with code 3'
    """
    if returncode >= 0:
        return f"exited with code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"killed by {name}"


def status_of(returncode: int) -> int:
    """Return the answer's status for requests that were with the process (TorchServe: 507 for exit code 137)."""
    return 507 if returncode == KILLED_EXIT_CODE else 500
