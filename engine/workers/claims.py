"""Who may begin a batch that was sent ahead: the worker, or the engine, which then takes it back. On the loop; hot.

The engine puts the batch's number into a pipe before it sends the batch. Whoever reads the number out has the batch;
the kernel sees to it that nobody else has it too. There are two pipes, used in turns, since a worker that has answered
may not have read the number of what it begins next when the engine puts in the one after it. The worker opens them by
their paths under /proc, so this is Linux's alone; elsewhere nothing is sent ahead.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from engine.runtime.frames import CLAIM


class Claims:
    """The pipes of one worker, each with at most one number in it."""

    def __init__(self) -> None:
        """Open the pipes; raises OSError when the process may have no further descriptors."""
        first = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            second = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            _close(first)
            raise
        self._pipes = (first, second)
        self._turn = 0

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Where a process of the same user opens the pipes to read, and what the system calls each."""
        paths = (f"/proc/{os.getpid()}/fd/{read}" for read, _ in self._pipes)
        return tuple((path, str(Path(path).readlink())) for path in paths)

    def offer(self, batch: int) -> int:
        """Let the worker begin `batch` and return in which pipe it finds the number.

        The batch that was offered before must have begun, and the one before that must have ended.
        """
        self._turn = 1 - self._turn
        os.write(self._pipes[self._turn][1], CLAIM.pack(batch))
        return self._turn

    def take_back(self) -> bool:
        """Whether the batch that was offered last is the engine's again; False when the worker has begun it."""
        try:
            os.read(self._pipes[self._turn][0], CLAIM.size)
        except BlockingIOError:
            return False
        self._turn = 1 - self._turn
        return True

    def close(self) -> None:
        """Close the engine's ends."""
        for pipe in self._pipes:
            _close(pipe)


def claims() -> Claims | None:
    """Return the pipes for a worker that starts; None where there can be none."""
    if sys.platform != "linux":
        return None
    try:
        return Claims()
    except OSError:
        return None


def _close(pipe: tuple[int, int]) -> None:
    for end in pipe:
        os.close(end)
