"""Starting worker processes. Runs on the loop.

A launcher gives a `WorkerProcess`: a pid, an open channel, its output, and one future that ends with the exit code. The
only launcher so far is `SpawnLauncher`, which starts an interpreter of its own for each worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.tasks import TaskGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.workers.channel import Channel

RUNTIME = Path(__file__).parent.parent / "runtime" / "__main__.py"
READ_SIZE = 64 * 1024
MAX_LINE = 8 * 1024


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

    async def wait(self) -> int:
        """Return the exit code, negative for a signal, once the process is gone and its output is read."""

    def kill(self) -> None:
        """End the process and every process it started; safe to call when it is gone."""


class Launcher(Protocol):
    """A way of starting worker processes."""

    async def launch(self, spec: LaunchSpec, channel: Channel, output: Output) -> WorkerProcess:
        """Start a process and connect `channel` to it; raises OSError when that is impossible."""


class SpawnLauncher:
    """Starts `python engine/runtime/__main__.py worker` with one end of a socket pair: works with any interpreter."""

    async def launch(self, spec: LaunchSpec, channel: Channel, output: Output) -> WorkerProcess:
        """Start a process and connect `channel` to it; raises OSError when that is impossible."""
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
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
        await asyncio.get_running_loop().create_unix_connection(lambda: channel, sock=ours)
        return SpawnedProcess(process, output)


@dataclass(slots=True)
class SpawnedProcess:
    """A process of our own, with a reader for each of its output streams."""

    process: asyncio.subprocess.Process
    output: Output
    pid: int = field(init=False)
    readers: TaskGroup = field(init=False, default_factory=TaskGroup)
    _reading: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _gone: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Begin to read what the process prints."""
        self.pid = self.process.pid
        for name, stream in (("stdout", self.process.stdout), ("stderr", self.process.stderr)):
            if stream is not None:
                reading = read_lines(stream, lambda line, name=name: self.output(name, line))  # type: ignore[misc]
                self._reading.append(self.readers.start(reading, f"{name} of worker {self.pid}"))

    async def wait(self) -> int:
        """Return the exit code once the process is gone and its output is read."""
        returncode = await self.process.wait()
        # A process that the worker left behind may hold the pipes open for ever: kill its group before reading on.
        self.kill()
        self._gone = True
        await asyncio.wait(self._reading, timeout=1.0)
        await self.readers.aclose()
        return returncode

    def kill(self) -> None:
        """End the process and every process in its session; safe to call when it is gone."""
        if self._gone:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


async def read_lines(stream: asyncio.StreamReader, line: Callable[[str], None]) -> None:
    """Call `line` for each line of `stream`; lines over `MAX_LINE` bytes are cut there, control characters escaped."""
    rest = b""
    while chunk := await stream.read(READ_SIZE):
        *lines, rest = (rest + chunk).split(b"\n")
        for text in lines:
            line(printable(text))
        rest = rest[:MAX_LINE]
    if rest:
        line(printable(rest))


def printable(text: bytes) -> str:
    """Return at most `MAX_LINE` bytes of `text` as one line that is safe to show: control characters are escaped."""
    decoded = text[:MAX_LINE].decode("utf-8", "backslashreplace").rstrip("\r")
    if decoded.isprintable():
        return decoded
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in decoded)


def worker_python() -> str:
    """Return the interpreter that workers run on: the engine's own."""
    return sys.executable
