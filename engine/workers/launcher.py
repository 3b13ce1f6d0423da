"""Starting worker processes. Runs on the loop.

A launcher gives a `WorkerProcess`: a pid, an open channel, its output, and one future that ends with the exit code.
`SpawnLauncher` starts an interpreter of its own for each worker; `engine/workers/forking.py` has the faster way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

from engine.deadlines import time_limit
from engine.descriptors import lower_limit
from engine.workers.output import Lines
from engine.workers.sessions import kill_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.workers.channel import Channel
    from engine.workers.orphan_guard import OrphanGuard

RUNTIME = Path(__file__).parent.parent / "runtime" / "__main__.py"
# How long the output of a process that is gone is still read, in seconds.
OUTPUT_GRACE = 1.0
# What a launcher may know of a process that has ended: its exit code, or None.
Code = TypeVar("Code", bound="int | None")


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What a worker process needs before it loads anything. `environment` is its whole environment."""

    python: str
    folder: Path
    environment: Mapping[str, str]


class Output(Protocol):
    """Takes what a worker prints, line by line, without line ends; `stream` is "stdout" or "stderr"."""

    def __call__(self, stream: str, line: str) -> None:
        """Take one line."""


class WorkerProcess(Protocol):
    """A running worker process."""

    pid: int

    def unfinished(self) -> dict[str, str]:
        """Return what there is of printed lines that have not ended, by stream."""

    async def wait(self) -> int | None:
        """Return the exit code once the process is gone and its output is read.

        It is negative for a signal, and None when nobody knows it.
        """

    def kill(self) -> None:
        """End the process and every process it started; safe to call when it is gone."""


class Launcher(Protocol):
    """A way of starting worker processes."""

    async def launch(self, spec: LaunchSpec, channel: Channel, output: Output) -> WorkerProcess:
        """Start a process and connect `channel` to it; raises OSError when that is impossible."""

    async def prepare(self) -> None:
        """Do ahead what makes starting workers faster."""

    async def close(self) -> None:
        """Let go of everything; call it when every worker has gone."""


class SpawnLauncher:
    """Starts `python engine/runtime/__main__.py worker` with one end of a socket pair: works with any interpreter."""

    def __init__(self, guard: OrphanGuard | None = None) -> None:
        """`guard` ends the processes of an engine that was killed."""
        self._guard = guard

    async def launch(self, spec: LaunchSpec, channel: Channel, output: Output) -> WorkerProcess:
        """Start a process and connect `channel` to it; raises OSError when that is impossible."""
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        try:
            _, process = await loop.subprocess_exec(
                lambda: SpawnedProcess(output),
                spec.python, "-u", str(RUNTIME), "worker", "--channel-fd", str(theirs.fileno()),
                pass_fds=[theirs.fileno()], cwd=spec.folder, env=dict(spec.environment), start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)  # noqa: FBT003 - the socket module's signature
        await loop.create_unix_connection(lambda: channel, sock=ours)
        if self._guard is not None:
            await self._guard.start()
            self._guard.add(process)
        return process

    async def prepare(self) -> None:
        """Start the guard."""
        if self._guard is not None:
            await self._guard.start()

    async def close(self) -> None:
        """End the guard; call it when every worker has gone."""
        if self._guard is not None:
            await self._guard.close()


class SessionProcess(Generic[Code]):
    """A process that leads a session of its own: its end, the end of its output, and how to bring the former about."""

    def __init__(self, pid: int = 0) -> None:
        """`pid` may be set later, before anything else happens."""
        self.pid = pid
        self._returncode: asyncio.Future[Code] = asyncio.get_running_loop().create_future()
        self._read = asyncio.Event()
        self._printing: dict[str, Lines] = {}

    def unfinished(self) -> dict[str, str]:
        """Return what there is of printed lines that have not ended, by stream."""
        return {stream: text for stream, lines in self._printing.items() if (text := lines.unfinished)}

    def when_ended(self, callback: Callable[[], object]) -> None:
        """Call `callback` once the process has ended, at once if it has."""
        self._returncode.add_done_callback(lambda _: callback())

    async def wait(self) -> Code:
        """Return the exit code once the process is gone and its output is read."""
        returncode = await asyncio.shield(self._returncode)
        # Who has left the session as well may still hold the pipes: what it prints is not waited for.
        with contextlib.suppress(TimeoutError):
            async with time_limit(OUTPUT_GRACE):
                await self._read.wait()
        self._close()
        return returncode

    def kill(self) -> None:
        """End the process and every process in its session; safe to call when it is gone."""
        if self._returncode.done():
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _close(self) -> None:
        raise NotImplementedError


class SpawnedProcess(SessionProcess[int], asyncio.SubprocessProtocol):
    """A process of our own, and what it prints.

    asyncio's `Process.wait` ends only once the pipes are closed, which a process that the worker left behind may hold
    open for ever; the protocol hears of the exit itself.
    """

    def __init__(self, output: Output) -> None:
        """`output` takes the lines that the process prints."""
        super().__init__()
        self._printing = {stream: Lines(partial(output, stream)) for stream in ("stdout", "stderr")}
        self._lines = dict(enumerate(self._printing.values(), 1))
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio's call)."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid() or 0
        lower_limit(self.pid)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Take what the process printed (asyncio's call)."""
        self._lines[fd].feed(cast("bytes", data))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Give the last line of a stream, even without a line end (asyncio's call)."""
        self._lines.pop(fd).end()
        if not self._lines:
            self._read.set()

    def process_exited(self) -> None:
        """Kill what the process left behind in its session (asyncio's call)."""
        kill_session(self.pid)
        transport = self._transport
        if transport is not None:
            self._returncode.set_result(transport.get_returncode() or 0)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
