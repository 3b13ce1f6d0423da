"""The `ts` package on the module path, and real worker processes to speak frames with."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

RUNTIME = Path(__file__).resolve().parents[2] / "engine" / "runtime"
sys.path.insert(0, str(RUNTIME / "handler_path"))

from engine.runtime.channel import Channel, Frame, encode  # noqa: E402 - needs nothing of ts, but reads best here
from engine.runtime.frames import Kind  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class WorkerProcess:
    """A worker started from its plain file, and the engine's end of its channel."""

    def __init__(
        self, model_dir: Path, interpreter: str = sys.executable, environment: dict[str, str] | None = None
    ) -> None:
        self.model_dir = model_dir
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.socket.settimeout(60)
        self.channel = Channel(ours)
        with theirs:
            self.process = subprocess.Popen(
                [interpreter, "-u", str(RUNTIME / "__main__.py"), "worker", "--channel-fd", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **(environment or {})},
            )

    def load(self, handler: str, **changes: Any) -> Frame:
        """Send LOAD and return the answer."""
        meta = {
            "model_name": "net",
            "model_dir": str(self.model_dir),
            "handler": handler,
            "batch_size": 1,
            "gpu_id": None,
            "envelope": None,
            "limit_max_image_pixels": True,
            "decode_input": True,
            "model_config": {},
            "config_file": "",
            "server_version": "0.1",
            "max_response_size": 1_000_000,
            "continuous": False,
            "asynchronous": False,
            **changes,
        }
        self.channel.send(encode(Kind.LOAD, meta))
        return self.receive()

    def send(self, *values: bytes, content_type: str = "application/json", **headers: str) -> None:
        """Send one batch with a request per value."""
        jobs = [
            {"id": f"id-{index}", "headers": headers, "inputs": [["body", content_type, len(value)]]}
            for index, value in enumerate(values)
        ]
        self.channel.send(encode(Kind.PREDICT, {"batch": 7, "jobs": jobs}, values))

    def predict(self, *values: bytes, content_type: str = "application/json", **headers: str) -> Frame:
        """Send one batch and return its REPLY or FAILED, passing over metrics."""
        self.send(*values, content_type=content_type, **headers)
        return self.receive()

    def receive(self) -> Frame:
        """Return the next frame that is no METRICS."""
        while (frame := self.receive_any()).kind is Kind.METRICS:
            pass
        return frame

    def receive_any(self) -> Frame:
        """Return the next frame; fails when the worker is gone."""
        frame = self.channel.receive()
        if frame is None:
            pytest.fail(f"the worker left: {self.process.communicate(timeout=10)}")
        return frame

    def is_gone(self) -> bool:
        """Whether the worker closed its end."""
        return self.channel.receive() is None

    def leave(self) -> tuple[int, str, str]:
        """Hang up, and return the worker's exit code, output and errors."""
        self.socket.close()
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output.decode(), errors.decode()


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    """An unpacked archive with nothing but a manifest."""
    folder = tmp_path / "model"
    (folder / "MAR-INF").mkdir(parents=True)
    manifest = {"model": {"modelName": "net", "handler": "h.py"}}
    (folder / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def start_worker(model_dir: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers whose handler `h.py` has the given source; they end with the test."""
    started: list[WorkerProcess] = []

    def start(source: str = "", **options: Any) -> WorkerProcess:
        if source:
            (model_dir / "h.py").write_text(textwrap.dedent(source))
        started.append(WorkerProcess(model_dir, **options))
        return started[-1]

    yield start
    for worker in started:
        worker.socket.close()
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.communicate()
