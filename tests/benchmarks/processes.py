"""Programs that are compared, each a process group of its own: started, stopped, paused and weighed. Blocking."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

PATIENCE = 60.0


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


class Program:
    """A running program and everything below it."""

    def __init__(self, command: list[str], folder: Path, environ: Mapping[str, str]) -> None:
        """Its output goes to `folder`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TS_", "MARINA_"))}
        self.log = folder / "output.log"
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=folder, env={**inherited, **environ}, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def is_over(self) -> bool:
        return self._process.poll() is not None

    def pause(self) -> None:
        """Take all processor time away until `resume`, so that whoever has its turn is alone."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def memory(self) -> int:
        """Return the proportional memory of all its processes, in bytes."""
        total = 0
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
        return total

    def stop(self) -> None:
        """Ask, wait, and kill whatever is left."""
        processes = self._all()
        self.resume()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(PATIENCE)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._all():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _all(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@contextmanager
def running(command: list[str], folder: Path, environ: Mapping[str, str]) -> Iterator[Program]:
    """Run a program until the block ends."""
    program = Program(command, folder, environ)
    try:
        yield program
    finally:
        program.stop()
