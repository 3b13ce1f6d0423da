"""The machine's metrics from a program of the user's own (TorchServe: `system_metrics_cmd`). Blocking: for a thread.

The program is a Python script with arguments. It prints one metric a line, as `str(ts.metrics.metric.Metric(...))`
gives it, and may end them with an empty line; what follows (memory of workers, in TorchServe) has no effect.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import threading
from pathlib import Path

from engine.frozen import own_python
from engine.metrics.server import Values

log = logging.getLogger(__name__)

# The script may import the `ts` package, as TorchServe's own does.
_TS_PACKAGE = Path(__file__).parent.parent / "runtime" / "handler_path"
_TIMEOUT = 30.0  # seconds
_CANCEL_CHECK = 0.1  # seconds
_MOST_OUTPUT = 1024 * 1024  # characters
_LINE = re.compile(
    r"(\[METRICS\])?(?P<name>\w+)\.(?P<unit>[\w/]+):(?P<value>-?[0-9.]+(e-?[0-9]+)?)\|#(?P<dimensions>[^|]*)\|"
)


def run_system_command(command: str, cancel: threading.Event) -> dict[str, Values]:
    """Run the script and return the values that it printed, by family and label values without the machine's name.

    Raises:
        OSError: it cannot be started, ends with an error or takes longer than 30 s; the text says so.

    """
    output = _run([own_python(), *shlex.split(command)], cancel)
    found: dict[str, Values] = {}
    for line in output[:_MOST_OUTPUT].splitlines():
        if not line.strip():
            break
        if match := _LINE.match(line.strip()):
            labels = tuple(part.partition(":")[2] for part in match["dimensions"].split(",") if part)
            found.setdefault(match["name"], {})[labels] = float(match["value"])
        else:
            log.warning("system_metrics_cmd: not a metric: %.200r", line)
    return found


def _run(command: list[str], cancel: threading.Event) -> str:
    path = os.pathsep.join(filter(None, [str(_TS_PACKAGE), os.environ.get("PYTHONPATH", "")]))
    process = subprocess.Popen(  # noqa: S603 - the configuration names the program
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": path},
        encoding="utf-8",
        errors="replace",
    )
    waited = 0.0
    with process:
        while True:
            try:
                output, _ = process.communicate(timeout=_CANCEL_CHECK)
                break
            except subprocess.TimeoutExpired:
                waited += _CANCEL_CHECK
                if cancel.is_set() or waited >= _TIMEOUT:
                    process.kill()
    if process.returncode:
        last = output.strip().splitlines()[-1:]
        raise OSError(f"it ended with code {process.returncode}: {' '.join(last)}")
    return output
