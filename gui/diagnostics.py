"""What helps whoever is asked why something fails, as one zip. `gather` is for the loop, `write` for a thread.

Nothing of requests is in it. Passwords in settings and in addresses are masked; log files are cut to their end.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from typing import IO, TYPE_CHECKING

from PySide6.QtCore import qVersion

from engine.masking import MASK, masked
from engine.snapshots import VersionSnapshot, VersionState
from gui.logs.text import plain

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from engine.settings import Settings
    from engine.snapshots import Key, LogLine, Machine

# The end of each log file, in bytes.
MOST_OF_A_FILE = 2 * 1024 * 1024
MOST_LINES = 500
# Versions whose workers' lines go along; those that failed come first.
MOST_LOGS = 50
_SECRET_KEY = re.compile(r"pass|secret|credential|private")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was there at one moment, immutable, so that a thread may write it."""

    settings: tuple[tuple[str, str, str], ...]
    machine: Machine
    versions: tuple[VersionSnapshot, ...]
    lines: Mapping[Key, tuple[LogLine, ...]]
    logs: Path


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """Writing was cancelled; nothing of it is left."""


def gather(
    settings: Settings,
    machine: Machine,
    versions: Sequence[VersionSnapshot],
    lines_of: Callable[[Key], tuple[LogLine, ...]],
    logs: Path,
) -> Diagnosis:
    """Look at everything once; `lines_of` gives a version's log, `logs` is the folder of the log files."""
    worst_first = sorted(versions, key=lambda version: version.state is not VersionState.FAILED)
    lines = {version.key: lines_of(version.key)[-MOST_LINES:] for version in worst_first[:MOST_LOGS]}
    return Diagnosis(tuple(settings.describe()), machine, tuple(versions), lines, logs)


def write(found: Diagnosis, path: Path, cancel: threading.Event) -> None:
    """Write the zip to `path`, whole or not at all. Blocking: run it in a thread.

    Raises `OSError`, and `Stopped` once `cancel` is set.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            _fill(file, found, cancel)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _fill(file: IO[bytes], found: Diagnosis, cancel: threading.Event) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, make in _parts(found):
            if cancel.is_set():
                raise Stopped
            # Line by line: one look at megabytes would keep every other thread waiting.
            archive.writestr(name, "".join(map(masked, make().splitlines(keepends=True))))


def _parts(found: Diagnosis) -> list[tuple[str, Callable[[], str]]]:
    """List the files of the zip, each with what makes its text."""
    facts: tuple[tuple[str, Callable[[], object]], ...] = (
        ("versions", _software),
        ("settings", partial(_settings, found)),
        ("machine", partial(_hardware, found.machine)),
        ("models", lambda: [_model(version) for version in found.versions]),
    )
    printed = {_file_name(number, key): lines for number, (key, lines) in enumerate(found.lines.items()) if lines}
    return [
        *((f"{name}.json", partial(_json, make)) for name, make in facts),
        *((f"logs/{file.name}", partial(_end_of, file)) for file in sorted(found.logs.glob("*.log"))),
        *((f"workers/{name}.log", partial(_lines, lines)) for name, lines in printed.items()),
    ]


def _file_name(number: int, key: Key) -> str:
    return f"{number:02}-" + re.sub(r"[^\w.-]", "_", f"{key.name}-{key.version}")


def _lines(lines: Sequence[LogLine]) -> str:
    return "\n".join(map(plain, lines))


def _json(make: Callable[[], object]) -> str:
    return json.dumps(make(), indent=2, ensure_ascii=False)


def _software() -> dict[str, object]:
    packages = {one.metadata["Name"]: one.version for one in metadata.distributions() if one.metadata["Name"]}
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version,
        "qt": qVersion(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "packages": dict(sorted(packages.items(), key=lambda one: one[0].casefold())),
    }


def _settings(found: Diagnosis) -> dict[str, dict[str, str]]:
    return {
        key: {"value": MASK if value and _SECRET_KEY.search(key) else value, "source": source}
        for key, value, source in found.settings
    }


def _hardware(machine: Machine) -> dict[str, object]:
    gpus = [
        {"name": gpu.name, "memory_total": gpu.memory_total, "memory_used": gpu.memory_used, "percent": gpu.utilization}
        for gpu in machine.gpus
    ]
    memory = {"memory_total": machine.memory_total, "memory_used": machine.memory_used}
    return {"cores": machine.cores, "cpu_percent": machine.cpu, **memory, "gpus": gpus}


def _model(version: VersionSnapshot) -> dict[str, object]:
    queue = version.queue
    return {
        "name": version.key.name,
        "version": version.key.version,
        "default": version.is_default,
        "state": version.state,
        "cause": version.cause,
        "archive": version.url,
        "handler": version.handler,
        "workers_wanted": [version.min_workers, version.max_workers],
        "requests": {"pending": queue.pending, "answered": queue.answered, "failed": queue.failed},
        "workers": [
            {
                "id": worker.id,
                "state": worker.state,
                "device": worker.device,
                "memory": worker.memory,
                "requests": worker.requests,
                "restarts": worker.restarts,
                "last_death": worker.last_death,
                "traceback": worker.traceback,
            }
            for worker in version.workers
        ],
    }


def _end_of(path: Path) -> str:
    """The last whole lines of a file; why, when it cannot be read."""
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - MOST_OF_A_FILE))
            text = file.read(MOST_OF_A_FILE)
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}"
    if length > MOST_OF_A_FILE:
        text = text[text.find(b"\n") + 1 :]
    return text.decode("utf-8", "replace")
