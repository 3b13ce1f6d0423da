"""The servers that are compared: how each is started, asked and told what to serve. Blocking."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.workers.environment import thread_variables, threads_of_each
from tests.benchmarks.load import PATIENCE, Asked, answer_of
from tests.benchmarks.processes import Program, free_ports, running
from tests.benchmarks.watch_files import LATENESS, SHOWN
from tests.differential import environment as torchserve_environment
from tests.support.peer_environments import ROOT, PeerEnvironment

TORCHSERVE, LITSERVE, MARINA, WINDOW = "TorchServe", "LitServe", "Marina", "Marina, window"
TUNED = "TorchServe, cores shared"  # its workers told what Marina tells its own about their threads
SETTINGS = {
    "disable_token_authorization": "true",
    "enable_model_api": "true",
    "max_request_size": "20000000",
    "max_response_size": "20000000",
    "job_queue_size": "1000",
    "number_of_gpu": "0",
    "enable_metrics_api": "false",
}
LITSERVE_ENVIRONMENT = PeerEnvironment(ROOT / ".venv-litserve", ("litserve>=0.2.19",), ("torch", "numpy"))
LITSERVE_APP = Path(__file__).parent / "handlers" / "litserve_app.py"


class Server:
    """A running server; `folder` is its own, `rpc` the port of gRPC predictions."""

    def __init__(self, name: str, folder: Path, program: Program, inference: int, management: int, rpc: int) -> None:
        self.name = name
        self.folder = folder
        self.program = program
        self.rpc = rpc
        self._inference = f"http://127.0.0.1:{inference}"
        self._management = f"http://127.0.0.1:{management}"

    def manage(self, method: str, path: str) -> bytes:
        """Ask the management API; raises HTTPError for an answer that is none of success."""
        request = urllib.request.Request(self._management + path, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return bytes(answer.read())

    def register(self, archive: str, workers: int, more: str = "") -> None:
        self.manage("POST", f"/models?url={archive}&initial_workers={workers}&synchronous=true{more}")

    def asked(self, model: str, body: bytes = b"{}", content_type: str = "application/json") -> Asked:
        """Return a request for a prediction; a LitServe has but one model."""
        path = "/predict" if self.name == LITSERVE else f"/predictions/{model}"
        return Asked(self._inference + path, body, content_type)

    def managed(self, path: str) -> Asked:
        return Asked(self._management + path, b"", method="GET")

    def lateness(self, since: float) -> list[float]:
        """Return by how many milliseconds the window's loop was late, each time since then (`time.monotonic`)."""
        with (self.folder / LATENESS).open(encoding="ascii") as file:
            ticks = [line.split() for line in file]
        return [float(late) for at, late in ticks if float(at) >= since]

    def await_start(self) -> None:
        """Return as soon as the server is well, and its window, if it has one, on the screen."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not self.program.is_over:
            if self._is_well() and (self.name != WINDOW or (self.folder / SHOWN).exists()):
                return
            time.sleep(0.005)
        raise AssertionError(f"{self.name} did not start:\n{self.program.log.read_text(errors='replace')[-5000:]}")

    def _is_well(self) -> bool:
        try:
            answer_of(Asked(self._inference + ("/health" if self.name == LITSERVE else "/ping"), method="GET"))
        except (OSError, urllib.error.URLError):
            return False
        return True


def prepare(name: str) -> None:
    """Have what a server needs; raises PeerMissingError."""
    if name in {TORCHSERVE, TUNED}:
        torchserve_environment.prepare()
    elif name == LITSERVE:
        LITSERVE_ENVIRONMENT.prepare()


@contextmanager
def server(name: str, folder: Path, store: Path, work: str = "noop", workers: int = 2) -> Iterator[Server]:
    """Run the server of this name until the block ends; only a LitServe needs to know `work` and `workers` now."""
    folder.mkdir(parents=True)
    ports = free_ports(6)
    is_litserve = name == LITSERVE
    started_by = _litserve(ports, work, workers) if is_litserve else _other(name, folder, store, ports, workers)
    with running(started_by[0], folder, started_by[1]) as program:
        started = Server(name, folder, program, ports[0], ports[1], ports[3])
        started.await_start()
        yield started


def _litserve(ports: list[int], work: str, workers: int) -> tuple[list[str], Mapping[str, str]]:
    python = LITSERVE_ENVIRONMENT.program("python")
    return [python, str(LITSERVE_APP), work, str(ports[0]), str(workers)], {}


def _other(name: str, folder: Path, store: Path, ports: list[int], workers: int) -> tuple[list[str], Mapping[str, str]]:
    config = _written(name, folder, store, ports)
    if name in {TORCHSERVE, TUNED}:
        (folder / "tmp").mkdir()
        threads = thread_variables(threads_of_each(workers, os.cpu_count() or 1)) if name == TUNED else {}
        logs = {"LOG_LOCATION": "logs", "METRICS_LOCATION": "logs", "TMPDIR": str(folder / "tmp"), **threads}
        program = torchserve_environment.program("torchserve")
        return [program, "--start", "--foreground", "--ncs", "--ts-config", str(config)], logs
    module = "tests.benchmarks.watched_window" if name == WINDOW else "engine"
    environ = {"MARINA_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    if name == WINDOW and "QT_QPA_PLATFORM" not in os.environ and "DISPLAY" not in os.environ:
        environ["QT_QPA_PLATFORM"] = "offscreen"
    return [sys.executable, "-m", module, "--ncs", "--ts-config", str(config)], environ


def _written(name: str, folder: Path, store: Path, ports: list[int]) -> Path:
    addresses = dict(zip(("inference_address", "management_address", "metrics_address"), ports, strict=False))
    settings = {**SETTINGS, **{key: f"http://127.0.0.1:{port}" for key, port in addresses.items()}}
    settings |= {"grpc_inference_port": str(ports[3]), "grpc_management_port": str(ports[4])}
    if name in {TORCHSERVE, TUNED}:
        settings["initial_worker_port"] = str(ports[5])
    config = folder / "config.properties"
    lines = [f"{key}={value}\n" for key, value in {**settings, "model_store": str(store)}.items()]
    config.write_text("".join(lines), encoding="utf-8")
    return config


@contextmanager
def display() -> Iterator[str]:
    """Give windows a display of their own, if there is Xvfb; gives the platform's name for the report."""
    xvfb = shutil.which("Xvfb")
    if os.environ.get("QT_QPA_PLATFORM"):
        yield os.environ["QT_QPA_PLATFORM"]
    elif os.environ.get("DISPLAY") or xvfb is None:
        yield "the display" if os.environ.get("DISPLAY") else "offscreen"
    else:
        command = [xvfb, "-displayfd", "1", "-screen", "0", "1440x900x24"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            os.environ["DISPLAY"] = f":{process.stdout.readline().strip()}"
            try:
                yield "Xvfb"
            finally:
                del os.environ["DISPLAY"]
                process.terminate()
