"""A worker that the fork server has forked: its end, its output, and how to kill it. Linux. Runs on the loop.

The process is known by a pidfd, which the fork server opens before it can reap the process. So nothing here can hit
another process that was given the same pid later, and the end is seen whether or not the fork server reports it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

from engine.deadlines import Deadline
from engine.workers.launcher import SessionProcess
from engine.workers.output import Lines
from engine.workers.sessions import kill_session

if TYPE_CHECKING:
    from collections.abc import Callable

# How long the fork server may take to report the exit code of a process that has ended, in seconds.
CODE_GRACE = 1.0


class ForkedProcess(SessionProcess["int | None"]):
    """A forked worker. Its exit code is None when the fork server did not report it."""

    def __init__(self, pid: int, pidfd: int, forget: Callable[[], object]) -> None:
        """`pidfd` belongs to this object from now on; `forget` is called once when the process has ended."""
        super().__init__(pid)
        self._pidfd = pidfd
        self._forget = forget
        self._streams: list[asyncio.ReadTransport] = []
        self._open = 0
        self._reported = True
        self._code_deadline: Deadline | None = None
        asyncio.get_running_loop().add_reader(pidfd, self._exit_seen)

    async def listen(self, stream: str, line: Callable[[str], None], descriptor: int) -> None:
        """Give each line that comes out of the pipe `descriptor`, which is closed in the end, to `line`."""
        self._open += 1
        self._printing[stream] = lines = Lines(line)
        pipe = os.fdopen(descriptor, "rb", 0)
        reading = asyncio.get_running_loop().connect_read_pipe(lambda: Printed(lines, self._silent), pipe)
        self._streams.append((await reading)[0])

    def ended(self, returncode: int | None) -> None:
        """Take the exit code that the fork server reports."""
        if self._returncode.done():
            return
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        if self._code_deadline is not None:
            self._code_deadline.cancel()
        self._returncode.set_result(returncode)
        self._forget()

    def is_reported_no_more(self) -> None:
        """Note that the fork server is gone and reports no exit code."""
        self._reported = False
        if self._code_deadline is not None:
            self._ended_unreported()

    def kill(self) -> None:
        """End the process; what it started in its session is ended once it is gone."""
        if not self._returncode.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _exit_seen(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        if self._reported:
            self._code_deadline = Deadline(CODE_GRACE, self._ended_unreported)
        else:
            self._ended_unreported()

    def _ended_unreported(self) -> None:
        """Do what the fork server does for a worker that has ended: end the rest of its session."""
        kill_session(self.pid)
        self.ended(None)

    def _close(self) -> None:
        for stream in self._streams:
            stream.close()

    def _silent(self) -> None:
        self._open -= 1
        if not self._open:
            self._read.set()


class Printed(asyncio.Protocol):
    """One stream of a process, read to its end."""

    def __init__(self, lines: Lines, silent: Callable[[], None]) -> None:
        """`silent` is called when the stream has ended."""
        self._lines = lines
        self._silent = silent

    def data_received(self, data: bytes) -> None:
        """Take what the process printed (asyncio's call)."""
        self._lines.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Give the last line, even without a line end (asyncio's call)."""
        self._lines.end()
        self._silent()


def forked(pid: int, pidfd: int, children: dict[int, ForkedProcess]) -> ForkedProcess:
    """Return a process that is among `children` until it has ended."""
    process = children[pid] = ForkedProcess(pid, pidfd, partial(children.pop, pid, None))
    return process
