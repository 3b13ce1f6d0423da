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
from typing import TYPE_CHECKING, Any, TypeVar

from engine.deadlines import time_limit
from engine.threads import Threads
from engine.workers.forked_process import forked
from engine.workers.launcher import RUNTIME, SpawnedProcess, SpawnLauncher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from engine.workers.channel import Channel
    from engine.workers.forked_process import ForkedProcess
    from engine.workers.launcher import LaunchSpec, Output, WorkerProcess
    from engine.workers.orphan_guard import OrphanGuard

T = TypeVar("T")

log = logging.getLogger(__name__)

# OpenBLAS starts threads when it is imported, which it must not here; each worker sets its own number. How OpenMP's
# threads wait is read at the same moment, once for all (engine/workers/environment.py says why it matters).
SHARED = {"OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
MAX_MESSAGE = 64 * 1024
# How long the fork server may take, in seconds, to import what workers share, to fork one, and to end once its engine
# has closed the connection. One that takes longer is killed, and replaced for the next worker.
IMPORT_LIMIT = 60.0
FORK_LIMIT = 10.0
END_LIMIT = 3.0
MODULE_ENDINGS = (".py", ".pyc", ".so")


class ForkLauncher:
    """Forks workers where that is possible, and spawns the others."""

    def __init__(self, python: str, environment: Mapping[str, str], guard: OrphanGuard | None = None) -> None:
        """The fork server runs on `python` in `environment`; nothing happens before `prepare` or the first `launch`.

        `guard` ends the processes of an engine that was killed.
        """
        self._python = python
        self._environment = environment
        self._guard = guard
        self._spawn = SpawnLauncher(guard)
        self._threads = Threads("marina-fork", 1)
        self._starting = asyncio.Lock()
        self._server: ForkServer | None = None

    async def prepare(self) -> None:
        """Start the fork server if none is there; tells the log why it cannot."""
        await self._spawn.prepare()
        async with self._starting:
            if self._server is None or (self._server.gone and not self._server.unable):
                if self._server is not None:
                    await self._server.close()
                self._server = ForkServer(self._guard)
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
        await self._spawn.close()
        self._threads.close()

    def _is_alike(self, spec: LaunchSpec) -> bool:
        """Whether the interpreter has already read all that it reads of the environment when it starts."""
        return spec.python == self._python and _of_python(spec.environment) == _of_python(self._environment)

    async def _fork(self, spec: LaunchSpec, channel: Channel, output: Output) -> WorkerProcess:
        server = self._server
        if server is None:
            raise ForkServerGoneError
        modules = await self._threads.run(_modules_in, spec.folder)
        if await server.imported() & modules:
            # The archive's own module would never be imported: the one of that name is there already.
            return await self._spawn.launch(spec, channel, output)
        return await server.fork(spec, channel, output)


class ForkServerGoneError(Exception):
    """The fork server is not there any more, or never came up."""


class ForkServer:
    """The engine's end of one fork server."""

    def __init__(self, guard: OrphanGuard | None = None) -> None:
        """Nothing happens before `start`. `unable` says that another one could not fork either."""
        self.unable = False
        self._guard = guard
        self._control: socket.socket | None = None
        self._process: SpawnedProcess | None = None
        self._ready: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        self._ordering = asyncio.Lock()
        self._answer: asyncio.Future[ForkedProcess] | None = None
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
        if self._guard is not None:
            self._guard.add(process)
        loop.add_reader(ours, self._read)

    async def imported(self) -> frozenset[str]:
        """Return the top-level modules that a fork finds imported; raises ForkServerGoneError."""
        return await self._in_time(asyncio.shield(self._ready), IMPORT_LIMIT, "import its modules")

    async def fork(self, spec: LaunchSpec, channel: Channel, output: Output) -> ForkedProcess:
        """Fork a worker and connect `channel` to it; raises ForkServerGoneError, or OSError when it cannot."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        pipes = [os.pipe(), os.pipe()]
        order = {"folder": str(spec.folder), "environment": dict(spec.environment)}
        try:
            async with self._ordering:
                process = await self._order(order, [theirs.fileno(), pipes[0][1], pipes[1][1]])
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
        if self._process is None:
            return
        try:
            async with time_limit(END_LIMIT):
                await self._process.wait()
        except TimeoutError:
            log.warning("The fork server (process %d) did not end in %g s and is killed", self._process.pid, END_LIMIT)
            self._process.kill()
            await self._process.wait()

    async def _in_time(self, reply: Awaitable[T], seconds: float, what: str) -> T:
        """Return a reply of the fork server. One that stands still is killed, which raises ForkServerGoneError."""
        try:
            async with time_limit(seconds):
                return await reply
        except TimeoutError:
            pid = self._process.pid if self._process else 0
            log.error("The fork server (process %d) is killed: it did not %s within %g s", pid, what, seconds)
            self._hang_up()
            if self._process is not None:
                self._process.kill()
            raise ForkServerGoneError from None

    async def _order(self, order: dict[str, Any], descriptors: list[int]) -> ForkedProcess:
        if self._control is None:
            raise ForkServerGoneError
        self._answer = asyncio.get_running_loop().create_future()
        try:
            # One order at a time is under way, so there is always room for it.
            socket.send_fds(self._control, [json.dumps(order).encode()], descriptors)
            return await self._in_time(self._answer, FORK_LIMIT, "fork a worker")
        except ConnectionError:
            self._hang_up()
            raise ForkServerGoneError from None
        finally:
            self._answer = None

    def _read(self) -> None:
        control = self._control
        while control is not None and control is self._control:
            try:
                message, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
            except BlockingIOError:
                return
            except ConnectionError:
                message = b""
            if not message:
                log.warning("The fork server is gone; its workers go on, and the next worker starts another one")
                self._hang_up()
                return
            self._take(json.loads(message), descriptors)

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        match message:
            case {"ready": list(names)}:
                if not self._ready.done():
                    self._ready.set_result(frozenset(names))
            case {"unable": str(why)}:
                log.warning("No worker is forked, so each one imports torch by itself: %s", why)
                self.unable = True
                self._hang_up()
            case {"pid": int(pid)}:
                # Known from now on: its end may be the next message.
                process = forked(pid, descriptors[0], self._children)
                if self._guard is not None:
                    self._guard.add(process)
                if not self._resolve(lambda answer: answer.set_result(process)):
                    process.kill()
            case {"failed": str(why)}:
                self._resolve(lambda answer: answer.set_exception(OSError(why)))
            case {"exited": int(pid), "code": int(code)} if pid in self._children:
                self._children[pid].ended(code)

    def _resolve(self, settle: Callable[[asyncio.Future[ForkedProcess]], None]) -> bool:
        """Settle the order that is under way; returns whether there is one."""
        if self._answer is None or self._answer.done():
            return False
        settle(self._answer)
        return True

    def _hang_up(self) -> None:
        """Close the connection to the fork server; its workers go on without it."""
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
            child.is_reported_no_more()


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
