"""A deployment of eight archives as people run it with TorchServe, moved to a folder and ports of its own. Blocking."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.archives.packing import pack
from tests.support.peer_environments import ROOT

SOURCE = Path(__file__).parent / "deployment"
PATIENCE = 90.0  # seconds for the server to start, to stop, and for each script
# What the files of the deployment say, in the order of `Deployment.ports`.
ADDRESSES = ("8080", "8081", "8082", "7070", "7071")
SEQUENCES = (
    "minWorkers: 1\nmaxWorkers: 1\nbatchSize: 2\nmaxBatchDelay: 20\nsequenceBatching: true\n"
    "sequenceMaxIdleMSec: 60000\nmaxNumSequence: 4\nmaxSequenceJobQueueSize: 4\n"
)


@dataclass(frozen=True)
class Deployment:
    """The folder that the server and the scripts run in, and the ports of its APIs in the order of `ADDRESSES`."""

    folder: Path
    ports: tuple[int, ...]

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that give the scripts the addresses."""
        names = ("INFERENCE", "MANAGEMENT", "METRICS", "GRPC_INFERENCE", "GRPC_MANAGEMENT")
        hosts = [f"{'' if name.startswith('GRPC') else 'http://'}127.0.0.1:{port}" for name, port in self._named(names)]
        return dict(zip(names, hosts, strict=True))

    def _named(self, names: tuple[str, ...]) -> Iterator[tuple[str, int]]:
        return zip(names, self.ports, strict=True)

    def run(self, *command: str, **variables: str) -> str:
        """Return what a script prints; it must end with 0."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def move(folder: Path) -> Deployment:
    """Copy the deployment into the new `folder`, pack its archives and change its addresses, and nothing else."""
    shutil.copytree(SOURCE, folder)
    deployment = Deployment(folder, _free_ports(len(ADDRESSES)))
    for name in ("snapshot.cfg", "prometheus.yml"):
        path = folder / name
        text = path.read_text()
        for old, new in zip(ADDRESSES, deployment.ports, strict=True):
            text = text.replace(old, str(new))
        path.write_text(text)
    store = folder / "model_store"
    store.mkdir()
    _pack_all(store)
    return deployment


@contextmanager
def serving(deployment: Deployment, command: list[str], **variables: str) -> Iterator[None]:
    """Run the server in the deployment's folder until the block ends, with its whole process group."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TS_", "MARINA_"))}
    log = deployment.folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=deployment.folder,
            env={**inherited, **variables},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_for_ping(deployment, process, log)
        yield
    finally:
        _end(process)


def marina_command() -> list[str]:
    """Return the command line of the deployment with `marina-server` in the place of `torchserve`."""
    return [sys.executable, "-m", "engine", *options()]


def options() -> list[str]:
    """Return the options that the deployment starts TorchServe with."""
    return ["--start", "--foreground", "--ncs", "--ts-config", "snapshot.cfg", "--model-store", "model_store"]


def marina_variables(deployment: Deployment) -> dict[str, str]:
    """Return what a process of Marina needs where it is not installed."""
    return {"MARINA_HOME": str(deployment.folder / "home"), "PYTHONPATH": str(ROOT)}


def _pack_all(store: Path) -> None:
    handlers = SOURCE / "handlers"
    weights = store.parent / "regressor.pt"
    torch.save({"layer.weight": torch.tensor([[2.0, -1.0]]), "layer.bias": torch.tensor([0.5])}, weights)
    for name in ("echo", "streamer", "meter", "batcher", "chooser"):
        pack(
            store / f"{name}.mar", model_name=name, handler=f"{name}.py", files={f"{name}.py": handlers / f"{name}.py"}
        )
    pack(
        store / "sentiment.mar",
        model_name="sentiment",
        version="2.0",
        handler="sentiment.py",
        files={"sentiment.py": handlers / "sentiment.py", "index_to_name.json": b'{"0": "bad", "1": "good"}'},
    )
    pack(
        store / "regressor.mar",
        model_name="regressor",
        handler="regressor.py",
        files={name: handlers / name for name in ("regressor.py", "network.py")} | {"regressor.pt": weights},
        model_file="network.py",
        serialized_file="regressor.pt",
    )
    files: dict[str, Path | bytes] = {"session.py": handlers / "session.py", "config.yaml": SEQUENCES.encode()}
    pack(store / "session.mar", model_name="session", handler="session.py", files=files, config_file="config.yaml")


def _free_ports(count: int) -> tuple[int, ...]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in taken)


def _wait_for_ping(deployment: Deployment, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server says that it is healthy; from outside it can only be asked again and again."""
    deadline = time.monotonic() + PATIENCE
    url = f"{deployment.variables['INFERENCE']}/ping"
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if b"Healthy" in answer.read():
                return
        time.sleep(0.1)
    raise AssertionError(f"the server did not start:\n{log.read_text(errors='replace')[-5000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
