"""`marina-server` as a process of its own, in each configuration that the scenarios need."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conformance.runner import Runner, properties, running

PROJECT = Path(__file__).parent.parent.parent
APIS = {"inference", "management", "metrics"}
ADDRESSES = {f"{api}_address": "http://127.0.0.1:0" for api in APIS} | {
    "grpc_inference_port": "0",
    "grpc_management_port": "0",
}

PATIENCE = 20.0


class Servers:
    """Starts each configuration when it is first asked for."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root = root
        self._stack = stack
        self._runners: dict[str, Runner] = {}

    def __getitem__(self, configuration: str) -> Runner:
        if configuration not in self._runners:
            started = _started(self._root / configuration, properties(configuration))
            self._runners[configuration] = self._stack.enter_context(started)
        return self._runners[configuration]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("servers"), stack)


@contextmanager
def _started(root: Path, settings: dict[str, str]) -> Iterator[Runner]:
    store, remote = root / "store", root / "remote"
    store.mkdir(parents=True)
    remote.mkdir()
    settings = {**settings, **ADDRESSES, "model_store": str(store)}
    configuration = "".join(f"{key}={value}\n" for key, value in settings.items())
    (root / "config.properties").write_text(configuration, encoding="utf-8")
    with (root / "log").open("w", encoding="utf-8") as log, _server(root, log.fileno()) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "Model server started.\n", (root / "log").read_text()
            with running(_addresses(root / "log"), store, remote) as runner:
                yield runner
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def _addresses(log: Path) -> dict[str, str]:
    """Return the addresses by API; the log is written by a thread, which may be a moment behind."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = {name.lower(): url for name, url in re.findall(r"(\w+) API: (\S+)\n", log.read_text())}
        if found.keys() >= APIS:
            return found
        time.sleep(0.02)
    raise AssertionError(log.read_text())


def _server(root: Path, log: int) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TS_")}
    return subprocess.Popen(
        [sys.executable, "-m", "engine", "--ncs"],
        cwd=root,
        env={**inherited, "MARINA_HOME": str(root / "home"), "PYTHONPATH": str(PROJECT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=log,
    )
