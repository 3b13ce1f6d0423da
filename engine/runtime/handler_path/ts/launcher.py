"""Starts and stops a server, and registers models with it. For tests of archives, not for handlers.

Needs `marina-server` on the PATH. The server's output is read by a thread of its own.
"""

from __future__ import annotations

import queue
import subprocess
import threading
from typing import IO, Any

from .utils.packages import require

MODELS = "http://localhost:8081/models"
READY = "Model server started."
PATIENCE = 60
KEPT_LINES = 1000

_started: list[subprocess.Popen[str]] = []


def start(
    model_store: str | None = None,
    snapshot_file: str | None = None,
    no_config_snapshots: bool = False,
    gen_mar: bool = False,
    plugin_folder: str | None = None,
    disable_token: bool = True,
    models: str | None = None,
    model_api_enabled: bool = True,
) -> queue.Queue[str | None]:
    """Start a server in place of the one started before, and return the lines of its further output, None at the end.

    `snapshot_file` is a config.properties. Raises ValueError for `gen_mar`, which made TorchServe's own archives, and
    RuntimeError when the server leaves at once.
    """
    if gen_mar:
        raise ValueError("Archives are not made here: put them into the model store")
    stop()
    options = {"--model-store": model_store, "--ts-config": snapshot_file, "--plugins-path": plugin_folder}
    switches = {
        "--ncs": no_config_snapshots,
        "--disable-token-auth": disable_token,
        "--enable-model-api": model_api_enabled,
    }
    command = ["marina-server", *(part for name, value in options.items() if value for part in (name, value))]
    command += [name for name, on in switches.items() if on]
    command += ["--models", models] if models else []
    return _ready(
        subprocess.Popen(  # noqa: S603 - the caller's own words, and no shell
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    )


def stop() -> None:
    """Stop the server that `start` started, if there is one, and wait for it."""
    while _started:
        process = _started.pop()
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def register_model(model_name: str, url: str) -> Any:
    """Register a model with one worker, and return the answer of the server (`requests.Response`)."""
    return register_model_with_params(
        {"model_name": model_name, "url": url, "initial_workers": "1", "synchronous": "true"}
    )


def register_model_with_params(params: Any) -> Any:
    """Register a model; `params` are those of POST /models."""
    return require("requests", None, __name__).post(MODELS, params=params, timeout=PATIENCE)


def _ready(process: subprocess.Popen[str]) -> queue.Queue[str | None]:
    """Wait until the server answers, and read on."""
    _started.append(process)
    output = process.stdout
    if output is None:
        raise RuntimeError("The server's output is not piped")
    if not any(READY in line for line in output):
        output.close()
        _started.remove(process)
        raise RuntimeError(f"marina-server left with {process.wait()}")
    lines: queue.Queue[str | None] = queue.Queue(KEPT_LINES)
    threading.Thread(target=_read_on, args=(output, lines), name="server output", daemon=True).start()
    return lines


def _read_on(output: IO[str], lines: queue.Queue[str | None]) -> None:
    """Keep the newest lines: the server must never wait for a reader."""
    with output:
        for line in output:
            _keep(lines, line)
    _keep(lines, None)


def _keep(lines: queue.Queue[str | None], line: str | None) -> None:
    if lines.full():
        lines.get_nowait()
    lines.put_nowait(line)
