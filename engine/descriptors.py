"""How many descriptors this process may have open, and how many of them clients may take. Called on the loop.

POSIX systems start programs with a low soft limit, since `select` cannot take descriptors from 1024 on. Marina raises
its own; its child processes, which run other people's code, get the one that Marina was started with.
"""

from __future__ import annotations

import contextlib
import logging
import sys

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

# More would not be used, and programs that go through all possible descriptors take long where there are a billion.
MOST = 65_536
# The addresses of REST and gRPC, which share one half of the descriptors; the rest is for workers, files and logs.
ADDRESSES, SHARE = 5, 2
# The last descriptors, which only the management API may take.
RESERVE = 64


if sys.platform == "win32":

    def raise_limit() -> None:
        """Do nothing: sockets count in no limit here."""

    def lower_limit(_pid: int | None) -> None:
        """Do nothing, as above."""

    def limit() -> int:
        """Return how many descriptors may be open."""
        return MOST

else:
    _AT_START = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def raise_limit() -> None:
        """Raise the soft limit of this process to the hard one, but not above `MOST`."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST if hard == resource.RLIM_INFINITY else min(MOST, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            # macOS: another limit of the system may be lower.
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def lower_limit(pid: int | None) -> None:
        """Give a child process the soft limit that this process was started with, where the system can (Linux)."""
        if sys.platform == "linux" and pid is not None:
            # The process may have ended.
            with contextlib.suppress(OSError, ValueError):
                hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (_AT_START, hard))

    def limit() -> int:
        """Return how many descriptors may be open."""
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return MOST if soft == resource.RLIM_INFINITY else soft


def most_connections(wanted: int) -> int:
    """Return how many connections one address may have: `wanted`, or its share of the descriptors if that is less."""
    return min(wanted, max(1, limit() // SHARE // ADDRESSES))


def warn_of_few(wanted: int) -> None:
    """Say in the log when an address may have fewer connections than the settings say."""
    if (most := most_connections(wanted)) < wanted:
        log.warning(
            "Each address takes %d connections at most, not %d (max_connections): this process may open %d files. "
            "A higher hard limit (ulimit -Hn) allows more.",
            most,
            wanted,
            limit(),
        )
