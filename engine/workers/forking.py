"""Starting worker processes by fork: in milliseconds, on pages that they share. Linux. Runs on the loop.

A `ForkServer` is the engine's end of one fork server process (`engine/runtime/forkserver.py` has the messages);
`ForkLauncher` keeps one, starts another when it is gone, and spawns the workers that cannot be forked: those of another
interpreter, and those of an archive that brings a module which the fork server has imported already.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.threads import Threads
from engine.workers.launcher import RUNTIME, SessionProcess, SpawnedProcess, SpawnLauncher
from engine.workers.output import Lines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from engine.workers.channel import Channel
    from engine.workers.launcher import LaunchSpec, Output, WorkerProcess

log = logging.getLogger(__name__)

# OpenBLAS starts threads when it is imported, which it must not here; each worker sets its own number. How OpenMP's
# threads wait is read at the same moment, once for all (engine/workers/environment.py says why it matters).
SHARED = {"OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
MAX_MESSAGE = 64 * 1024
MODULE_ENDINGS = (".py", ".pyc", ".so")


class ForkLauncher:
    """Forks workers where that is possible, and spawns the others."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        """The fork server runs on `python` in `environment`; nothing happens before `prepare` or the first `launch`."""
        self._python = python
        self._environment = environment
        self._spawn = SpawnLauncher()
        self._threads = Threads("marina-fork", 1)
        self._starting = asyncio.Lock()
        self._server: ForkServer | None = None

    async def prepare(self) -> None:
        """Start the fork server if none is there; tells the log why it cannot."""
        async with self._starting:
            if self._server is None or self._server.gone:
                if self._server is not None:
                    await self._server.close()
                self._server = ForkServer()
                await self._server.start(self._python, self._environment)

    async def launch(self, spec: LaunchSpec, channel: Channel, output: Output) -> WorkerProcess:
        """Start a process and connect `channel` to it; raises OSError when that is impossible."""
        if self._is_alike(spec):
            await self.prepare()
            with contextlib.suppress(ForkServerGoneError):
                return await self._fork(spec, channel, output)
        return await self._spawn.launch(spec, channel, output)

    async def close(self) -> None:
        """End the fork server; call it when every worker has gone."""
        if self._server is not None:
            await self._server.close()
        self._threads.close()

    def _is_alike(self, spec: LaunchSpec) -> bool:
        """Whether the interpreter has already read all that it reads of the environment when it starts."""
        return spec.python == self._python and _of_python(spec.environment) == _of_python(self._environment)

    async def _fork(self, spec: LaunchSpec, channel: Channel, output: Output) -> WorkerProcess:
        server = self._server
        if server is None:
            raise ForkServerGoneError
        modules = await self._threads.run(_modules_in, spec.folder)
        if await server.imported & modules:
            # The archive's own module would never be imported: the one of that name is there already.
            return await self._spawn.launch(spec, channel, output)
        return await server.fork(spec, channel, output)


class ForkServerGoneError(Exception):
    """The fork server is not there any more, or never came up."""


class ForkServer:
    """The engine's end of one fork server."""

    def __init__(self) -> None:
        """Nothing happens before `start`."""
        self._control: socket.socket | None = None
        self._process: SpawnedProcess | None = None
        self._ready: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        self._ordering = asyncio.Lock()
        self._answer: asyncio.Future[int] | None = None
        self._children: dict[int, ForkedProcess] = {}

    @property
    def gone(self) -> bool:
        """Whether nothing more can be expected of it."""
        return self._control is None

    async def start(self, python: str, environment: Mapping[str, str]) -> None:
        """Start the process; it takes orders from now on and obeys them when it has imported what workers share."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003 - the socket module's signature
        loop = asyncio.get_running_loop()
        try:
            _, process = await loop.subprocess_exec(
                lambda: SpawnedProcess(_tell_log),
                python, "-u", str(RUNTIME), "forkserver", "--channel-fd", str(theirs.fileno()),
                pass_fds=[theirs.fileno()], env={**SHARED, **environment}, start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            ours.close()
            log.warning("The fork server cannot be started, so each worker imports torch by itself: %s", error)
            return
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._control, self._process = ours, process
        loop.add_reader(ours, self._read)

    @property
    def imported(self) -> Awaitable[frozenset[str]]:
        """The top-level modules that a fork finds imported; raises ForkServerGoneError."""
        return asyncio.shield(self._ready)

    async def fork(self, spec: LaunchSpec, channel: Channel, output: Output) -> ForkedProcess:
        """Fork a worker and connect `channel` to it; raises ForkServerGoneError, or OSError when it cannot."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        pipes = [os.pipe(), os.pipe()]
        order = {"folder": str(spec.folder), "environment": dict(spec.environment)}
        try:
            async with self._ordering:
                pid = await self._order(order, [theirs.fileno(), pipes[0][1], pipes[1][1]])
                process = self._children[pid] = ForkedProcess(pid, partial(self._children.pop, pid))
        except BaseException:
            ours.close()
            for read, _ in pipes:
                os.close(read)
            raise
        finally:
            theirs.close()
            for _, write in pipes:
                os.close(write)
        ours.setblocking(False)  # noqa: FBT003 - the socket module's signature
        for stream, (read, _) in zip(("stdout", "stderr"), pipes, strict=True):
            await process.listen(stream, partial(output, stream), read)
        await loop.create_unix_connection(lambda: channel, sock=ours)
        return process

    async def close(self) -> None:
        """Hang up and wait until the process has gone."""
        self._hang_up()
        if self._process is not None:
            await self._process.wait()

    async def _order(self, order: dict[str, Any], descriptors: list[int]) -> int:
        if self._control is None:
            raise ForkServerGoneError
        self._answer = asyncio.get_running_loop().create_future()
        try:
            # One order at a time is under way, so there is always room for it.
            socket.send_fds(self._control, [json.dumps(order).encode()], descriptors)
            return await self._answer
        except ConnectionError:
            self._hang_up()
            raise ForkServerGoneError from None
        finally:
            self._answer = None

    def _read(self) -> None:
        control = self._control
        while control is not None and control is self._control:
            try:
                message = control.recv(MAX_MESSAGE)
            except BlockingIOError:
                return
            except ConnectionError:
                message = b""
            if not message:
                log.warning("The fork server is gone; its workers go on, and the next worker starts another one")
                self._hang_up()
                return
            self._take(json.loads(message))

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"ready": list(names)}:
                if not self._ready.done():
                    self._ready.set_result(frozenset(names))
            case {"pid": int(pid)}:
                self._resolve(lambda answer: answer.set_result(pid))
            case {"failed": str(why)}:
                self._resolve(lambda answer: answer.set_exception(OSError(why)))
            case {"exited": int(pid), "code": int(code)} if pid in self._children:
                self._children[pid].ended(code)

    def _resolve(self, settle: Callable[[asyncio.Future[int]], None]) -> None:
        if self._answer is not None and not self._answer.done():
            settle(self._answer)

    def _hang_up(self) -> None:
        """Let go of the fork server; who waits for it is told, and its workers are watched from here."""
        control, self._control = self._control, None
        if control is None:
            return
        asyncio.get_running_loop().remove_reader(control)
        control.close()
        if not self._ready.done():
            self._ready.set_exception(ForkServerGoneError())
            self._ready.exception()  # nobody may be waiting
        self._resolve(lambda answer: answer.set_exception(ForkServerGoneError()))
        for child in list(self._children.values()):
            child.watch()


class ForkedProcess(SessionProcess["int | None"]):
    """A worker that the fork server has forked, and what it prints."""

    def __init__(self, pid: int, forget: Callable[[], object]) -> None:
        """`forget` is called once when the process has ended."""
        super().__init__(pid)
        self._forget = forget
        self._streams: list[asyncio.ReadTransport] = []
        self._open = 0

    async def listen(self, stream: str, line: Callable[[str], None], descriptor: int) -> None:
        """Give each line that comes out of the pipe `descriptor`, which is closed in the end, to `line`."""
        self._open += 1
        self._printing[stream] = lines = Lines(line)
        pipe = os.fdopen(descriptor, "rb", 0)
        reading = asyncio.get_running_loop().connect_read_pipe(lambda: Printed(lines, self._silent), pipe)
        self._streams.append((await reading)[0])

    def ended(self, returncode: int | None) -> None:
        """Take note that the process has ended."""
        if not self._returncode.done():
            self._returncode.set_result(returncode)
            self._forget()

    def watch(self) -> None:
        """Find out by itself when the process ends: nobody tells any more."""
        loop = asyncio.get_running_loop()
        try:
            watcher = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self.ended(None)
            return
        loop.add_reader(watcher, self._orphan_ended, watcher)

    def _orphan_ended(self, watcher: int) -> None:
        asyncio.get_running_loop().remove_reader(watcher)
        os.close(watcher)
        self.kill()
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


def _modules_in(folder: Path) -> frozenset[str]:
    """Return the names that Python could import from `folder`. Blocking."""
    names = (entry.name for entry in folder.iterdir())
    return frozenset(name.partition(".")[0] for name in names if "." not in name or name.endswith(MODULE_ENDINGS))


def _of_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PYTHON")}


def can_fork() -> bool:
    """Whether this system has what the fork server needs."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


def _tell_log(stream: str, line: str) -> None:
    log.log(logging.WARNING if stream == "stderr" else logging.INFO, "fork server: %s", line)
