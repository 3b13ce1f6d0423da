"""The fork server: imports torch once, then forks a worker for each order of the engine. Linux, a process of its own.

It runs on its only thread, since a fork takes no other along, and never touches CUDA, which no fork survives. A module
that starts threads when it is imported is left out: the process replaces itself by one that does not import it. Engine
and fork server exchange datagrams of JSON over one socket pair (SOCK_SEQPACKET):

    engine to fork server    {"folder", "environment"} with three descriptors: channel, standard output, standard error
    fork server to engine    {"ready": [names of the modules that a worker finds imported]}, once, or
                             {"unable": why}, instead of it, when no worker can be forked
                             {"pid"} with the process's pidfd, or {"failed": why}: the answer to an order
                             {"exited": pid, "code": exit code, negative for a signal}

It leaves when its socket closes; its workers leave when theirs do, and those that cannot are ended then.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from . import worker
from .threadcount import use_threads

# What every worker would import by itself, at two seconds and a hundred megabytes each.
PRELOADED = ("torch", "numpy", "ts.torch_handler.base_handler")
# The environment variable that names the modules to leave out, separated by commas, to the process that comes next.
LEFT_OUT = "MARINA_NOT_PRELOADED"
OURS = ("__main__", "marina_runtime", "ts")
MAX_ORDER = 256 * 1024
DESCRIPTORS = 3
# How long workers may take to leave once the engine is gone, in seconds; they allow their handlers half a second.
LEAVE_GRACE = 0.75


class Order(NamedTuple):
    """A worker to become: where it works, its whole environment, and its descriptors."""

    folder: str
    environment: dict[str, str]
    channel: int
    stdout: int
    stderr: int

    def close(self) -> None:
        """Close the descriptors, which are the child's now."""
        for descriptor in (self.channel, self.stdout, self.stderr):
            os.close(descriptor)


def main(control: socket.socket) -> int:
    """Fork workers until the engine closes `control`; returns the exit code, in a worker that of its own end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = ForkServer(control)
    if count_threads() > 1:
        server.give_up("its Python starts threads by itself, which a fork does not take along")
        return 0
    order = server.run(preload(control))
    return 0 if order is None else become_worker(order)


def count_threads() -> int:
    """Return the number of threads of this process, those of native libraries included where /proc tells."""
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return threading.active_count()


def preload(control: socket.socket) -> list[str]:
    """Import what workers share and return the top-level names of everything imported, but for our own.

    Does not return when an import starts threads: the process then starts anew, without that module.
    """
    left_out = os.environ.get(LEFT_OUT, "").split(",")
    for name in PRELOADED:
        if name in left_out:
            continue
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
        if count_threads() > 1:
            _start_anew(control, [*left_out, name])
    gc.collect()
    # A collection in a child would write to, and so copy, every page that holds an object of ours.
    gc.freeze()
    return sorted({name.partition(".")[0] for name in list(sys.modules)}.difference(OURS))


def _start_anew(control: socket.socket, left_out: list[str]) -> NoReturn:
    """Replace this process by one that does not import the modules in `left_out`; its threads end with it."""
    sys.stderr.write(f"{left_out[-1]} starts threads when it is imported, so each worker imports it by itself\n")
    sys.stderr.flush()
    control.set_inheritable(True)
    environment = {**os.environ, LEFT_OUT: ",".join(left_out)}
    os.execve(sys.executable, [sys.executable, "-u", *sys.argv], environment)  # noqa: S606 - the same program again


class ForkServer:
    """Takes orders and tells of exits, one at a time."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._woken, self._wake = socket.socketpair()
        self._children: set[int] = set()

    def give_up(self, why: str) -> None:
        """Say that no worker can be forked."""
        self._tell({"unable": why})

    def run(self, imported: list[str]) -> Order | None:
        """Serve until the engine hangs up, then return None; in a forked child return its order at once.

        `imported` are the names of the modules that a worker finds imported.
        """
        control, woken = self._control, self._woken
        self._tell({"ready": imported})
        self._hear_of_children()
        while True:
            readable, _, _ = select.select([control, woken], [], [])
            if woken in readable:
                woken.recv(4096)
                self._bury()
            if control in readable:
                order = receive_order(control)
                if order is None:
                    self._end_children()
                    return None
                if self._fork(order):
                    return order

    def _hear_of_children(self) -> None:
        for end in (self._woken, self._wake):
            end.setblocking(False)  # noqa: FBT003 - the socket module's signature
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)

    def _fork(self, order: Order) -> bool:
        """Return True in the child."""
        try:
            pid = os.fork()
        except OSError as error:
            order.close()
            self._tell({"failed": f"fork: {error.strerror}"})
            return False
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (self._control, self._woken, self._wake):
                end.close()
            return True
        order.close()
        self._children.add(pid)
        # Opened before the process can be reaped, so that the engine never mistakes another process for it.
        pidfd = os.pidfd_open(pid)
        self._tell({"pid": pid}, pidfd)
        os.close(pidfd)
        return False

    def _bury(self) -> None:
        """Tell of every child that has ended, after ending what it left behind in its session."""
        while True:
            try:
                # The id stays the child's until it is waited for, so that nobody else's processes are ended.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            with contextlib.suppress(OSError):
                os.killpg(ended.si_pid, signal.SIGKILL)
            _, status = os.waitpid(ended.si_pid, 0)
            self._children.discard(ended.si_pid)
            self._tell({"exited": ended.si_pid, "code": os.waitstatus_to_exitcode(status)})

    def _end_children(self) -> None:
        """See that no worker outlives the engine: one that is stuck in native code does not notice that it is gone."""
        deadline = time.monotonic() + LEAVE_GRACE
        self._bury()
        while self._children and (left := deadline - time.monotonic()) > 0:
            if select.select([self._woken], [], [], left)[0]:
                self._woken.recv(4096)
                self._bury()
        for pid in self._children:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)

    def _tell(self, message: dict[str, Any], *descriptors: int) -> None:
        # An engine that is gone is noticed where orders are read.
        with contextlib.suppress(ConnectionError):
            socket.send_fds(self._control, [json.dumps(message).encode()], list(descriptors))


def receive_order(control: socket.socket) -> Order | None:
    """Return the next order, None when the engine has gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(control, MAX_ORDER, DESCRIPTORS)
    except ConnectionError:
        return None
    if not data:
        return None
    order = json.loads(data)
    return Order(order["folder"], order["environment"], *descriptors)


def become_worker(order: Order) -> int:
    """Turn this process, just forked, into the worker of `order`; returns its exit code."""
    os.setsid()
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    for descriptor, standard in ((order.stdout, 1), (order.stderr, 2)):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    gc.enable()
    use_threads(os.environ)
    _part_ways()
    return worker.main(socket.socket(fileno=order.channel))


def _part_ways() -> None:
    """Draw other random numbers than the siblings, where a process of its own would (torch's seed is a constant)."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
