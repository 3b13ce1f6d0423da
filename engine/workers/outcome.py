"""How a process ended, in words a person understands. Pure."""

from __future__ import annotations

import signal

# What a shell says of a process that SIGKILL ended, and what a handler's own supervisor may leave with.
KILLED_EXIT_CODE = 137
KILLED = (-signal.SIGKILL, KILLED_EXIT_CODE)


def describe_exit(returncode: int | None) -> str:
    """Say how a process with `returncode` (negative: ended by that signal, None: nobody knows) came to its end.

    >>> describe_exit(3)
    'exited with code 3'
    """
    if returncode is None:
        return "ended, how is not known"
    if returncode >= 0:
        return f"exited with code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"killed by {name}"


def status_of(returncode: int | None) -> int:
    """Return the answer's status for requests that were with the process: 507 when SIGKILL came from outside, else 500.

    TorchServe: 507 for exit code 137, which is also what its runtime makes of SIGKILL, the signal that the system ends
    processes with when memory runs out. A process that the engine itself killed (no answer in time, nonsense on the
    channel, no time left to drain) is not asked: its requests get 500.
    """
    return 507 if returncode in KILLED else 500
