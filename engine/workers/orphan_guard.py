"""The engine's end of the orphan guard, a process that ends workers when the engine is killed. Linux. Runs on the loop.

`engine/runtime/orphan_guard.py` is the other end, and says what it does and why.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.deadlines import time_limit
from engine.workers.launcher import SpawnedProcess

if TYPE_CHECKING:
    from engine.workers.launcher import SessionProcess

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).parent.parent / "runtime" / "orphan_guard.py"
# How long the guard may take to end once the engine has closed its input, in seconds.
END_LIMIT = 3.0


class OrphanGuard:
    """Knows which processes run, and passes their pids on."""

    def __init__(self, python: str) -> None:
        """The guard runs on `python`; nothing happens before `start`."""
        self._python = python
        self._starting = asyncio.Lock()
        self._process: SpawnedProcess | None = None
        self._input = -1
        self._pids: set[int] = set()

    async def start(self) -> None:
        """Start the process unless it runs; logs why it cannot."""
        async with self._starting:
            if self._input >= 0:
                return
            read, write = os.pipe()
            os.set_blocking(write, False)
            try:
                _, self._process = await asyncio.get_running_loop().subprocess_exec(
                    lambda: SpawnedProcess(_log_line),
                    self._python, "-E", "-S", str(PROGRAM),
                    stdin=read, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                    env={}, cwd="/", start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                os.close(write)
                log.warning("Workers may outlive a Marina that is killed: their guard cannot be started: %s", error)
                return
            finally:
                os.close(read)
            self._input = write
            for pid in self._pids:
                self._tell("+", pid)

    def add(self, process: SessionProcess[Any]) -> None:
        """End the session of this process if the engine is killed before the process has ended."""
        pid = process.pid
        self._pids.add(pid)
        self._tell("+", pid)
        process.when_ended(lambda: self._remove(pid))

    async def close(self) -> None:
        """End the guard; call it when every process has ended. Safe to call twice."""
        self._close_input()
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(TimeoutError):
            async with time_limit(END_LIMIT):
                await process.wait()
                return
        process.kill()
        await process.wait()

    def _remove(self, pid: int) -> None:
        self._pids.discard(pid)
        self._tell("-", pid)

    def _tell(self, sign: str, pid: int) -> None:
        if self._input < 0:
            return
        try:
            os.write(self._input, f"{sign} {pid}\n".encode())
        except OSError as error:
            log.warning("The guard of the workers is gone, and the next worker starts another one: %s", error)
            self._close_input()

    def _close_input(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1


def can_guard() -> bool:
    """Whether this system has what the guard needs."""
    return sys.platform == "linux"


def _log_line(stream: str, line: str) -> None:
    log.warning("guard of the workers (%s): %s", stream, line)
