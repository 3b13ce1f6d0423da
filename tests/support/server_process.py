"""`marina-server` as a process of its own, to be asked and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

PROJECT = Path(__file__).parent.parent.parent
PATIENCE = 30.0
CONFIGURATION = """
inference_address=http://127.0.0.1:0
management_address=http://127.0.0.1:0
metrics_address=http://127.0.0.1:0
grpc_inference_port=0
grpc_management_port=0
allowed_urls=http://127.0.0.1:.*
"""


class Process:
    """A `marina-server` and the addresses it named."""

    def __init__(self, root: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engine"],
            cwd=root, env={**environment, "MARINA_HOME": str(root / "home"), "PYTHONPATH": str(PROJECT)},
            text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.inference, self.management = self._address("Inference"), self._address("Management")

    def _address(self, api: str) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if f"{api} API: " in line:
                return line.rpartition(" ")[2].strip()
        raise AssertionError(f"the server ended without naming its {api} API")

    def below(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)


@contextlib.contextmanager
def server(root: Path) -> Iterator[Process]:
    started = Process(root)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.communicate()


def ask(method: str, url: str, body: bytes | None = None) -> str:
    request = urllib.request.Request(url, body, {"Content-Type": "application/octet-stream"}, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Leave out those that are over but still listed: who is their parent now may be slow to look."""
    left = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left
