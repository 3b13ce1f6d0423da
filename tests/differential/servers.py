"""A real TorchServe and a `marina-server`, each a process group of its own on free ports of this machine. Blocking."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.differential.environment import program
from tests.support.peer_environments import ROOT

PATIENCE = 90.0  # seconds for a server to start or to stop
SETTINGS = {
    "disable_token_authorization": "true",
    "enable_model_api": "true",
    "disable_system_metrics": "true",
    "metrics_mode": "prometheus",
    "default_response_timeout": "60",
    "max_request_size": "2000000",
    "number_of_gpu": "0",
}
TORCHSERVE_ONLY = {"enable_metrics_api": "false", "vmargs": "-Xmx768m"}
MARINA_ONLY = {"api_dialect": "torchserve-0.12"}


T = TypeVar("T")


@dataclass(frozen=True)
class Peer:
    """A running server: its name and where it listens, for REST and for gRPC."""

    name: str
    inference: int
    management: int
    grpc_inference: int
    grpc_management: int


@contextmanager
def torchserve(
    folder: Path, store: Path, more: Mapping[str, str] | None = None, *, snapshots: bool = False
) -> Iterator[Peer]:
    """Run TorchServe with the archives of `store` and `more` variables; everything it writes goes below `folder`.

    With `snapshots` it writes them.
    """
    ports = _free_ports(6)
    api = dict(zip(("inference_address", "management_address", "metrics_address"), ports[:3], strict=True))
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in api.items()}
    grpc = {"grpc_inference_port": str(ports[3]), "grpc_management_port": str(ports[4])}
    settings = {**SETTINGS, **TORCHSERVE_ONLY, **addresses, **grpc, "initial_worker_port": str(ports[5])}
    config = _written(folder, settings, store)
    # Its sockets and the file with its process id lie in the folder for temporary files, one per server.
    temporary = folder / "tmp"
    temporary.mkdir()
    environ = {"TMPDIR": str(temporary), "TEMP": str(temporary), "LOG_LOCATION": "logs", "METRICS_LOCATION": "logs"}
    command = [program("torchserve"), "--start", "--foreground", *_no_snapshots(snapshots), "--ts-config", str(config)]
    with _process(command, folder, {**environ, **(more or {})}):
        yield Peer("TorchServe", ports[0], ports[1], ports[3], ports[4])


@contextmanager
def marina(
    folder: Path, store: Path, more: Mapping[str, str] | None = None, *, snapshots: bool = False
) -> Iterator[Peer]:
    """Run `marina-server` with the archives of `store`, in TorchServe's dialect; it keeps its things below `folder`.

    With `snapshots` it keeps a record and writes them.
    """
    addresses = {f"{api}_address": "http://127.0.0.1:0" for api in ("inference", "management", "metrics")}
    ports = _free_ports(2)
    grpc = {"grpc_inference_port": str(ports[0]), "grpc_management_port": str(ports[1])}
    config = _written(folder, {**SETTINGS, **MARINA_ONLY, **addresses, **grpc}, store)
    command = [sys.executable, "-m", "engine", *_no_snapshots(snapshots), "--ts-config", str(config)]
    environ = {"MARINA_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    with _process(command, folder, {**environ, **(more or {})}) as log:
        found = _until(lambda: _addresses(log), log)
        yield Peer("Marina", found["inference"], found["management"], *ports)


@contextmanager
def both(
    folder: Path, store: Path, more: Mapping[str, str] | None = None, *, snapshots: bool = False
) -> Iterator[tuple[Peer, Peer]]:
    """Run TorchServe and Marina beside each other, in this order, with `more` environment variables."""
    with ExitStack() as stack:
        theirs = stack.enter_context(torchserve(folder / "ts", store, more, snapshots=snapshots))
        yield theirs, stack.enter_context(marina(folder / "m", store, more, snapshots=snapshots))


def _no_snapshots(wanted: bool) -> list[str]:  # noqa: FBT001 - the options it stands for
    return [] if wanted else ["--ncs"]


def _written(folder: Path, settings: Mapping[str, str], store: Path) -> Path:
    folder.mkdir(parents=True)
    config = folder / "config.properties"
    lines = [f"{key}={value}\n" for key, value in {**settings, "model_store": str(store)}.items()]
    config.write_text("".join(lines), encoding="utf-8")
    return config


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


@contextmanager
def _process(command: list[str], folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Run `command` until the block ends, and take its whole process group with it; gives the file of its output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TS_", "MARINA_"))}
    log = folder / "output.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**inherited, **environ}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _until(lambda: "Model server started." in log.read_text(errors="replace"), log, process)
        yield log
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask, wait, and kill whatever of the group is left."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)


def _until(look: Callable[[], T], log: Path, process: subprocess.Popen[bytes] | None = None) -> T:
    """Return what `look` finds as soon as it finds something; the other side can only be asked again and again."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and (process is None or process.poll() is None):
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{log.parent.name} did not start:\n{log.read_text(errors='replace')[-5000:]}")


def _addresses(log: Path) -> dict[str, int]:
    """Return the ports by API once all are told; the log is written by a thread, which may be a moment behind."""
    found = re.findall(r"(\w+) API: http://127.0.0.1:(\d+)\n", log.read_text(errors="replace"))
    ports = {name.lower(): int(port) for name, port in found}
    return ports if {"inference", "management"} <= ports.keys() else {}
