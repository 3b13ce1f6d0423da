"""TorchServe's snapshots, written: at the start, after each change and at the end. On the loop; files in a thread.

They are for people and scripts that look for them where TorchServe puts them. Marina's own record does not depend on
them: a file that cannot be written is a line in the log.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine import SERVER_VERSION
from engine.settings import properties
from engine.settings.snapshot_folder import SUBFOLDER, snapshot_name
from engine.threads import Threads

if TYPE_CHECKING:
    from engine.home import Home
    from engine.registry.records import Target, VersionSpec
    from engine.settings import Settings

log = logging.getLogger(__name__)

# TorchServe never removes a snapshot. A run of Marina keeps so many of its own; those of other runs stay.
KEPT = 100
# Keys that are about one start alone, or that the snapshot says otherwise.
_LEFT_OUT = {"restore", "record", "model_snapshot", "load_models"}


class Entry(NamedTuple):
    """A version as a snapshot needs it."""

    spec: VersionSpec
    target: Target
    is_default: bool


def snapshot_folder(settings: Settings, home: Home) -> Path | None:
    """Return where this run's snapshots go: beside its log files; None when none are to be written (`--ncs`)."""
    return (settings.log_options.folder or home.logs) / SUBFOLDER if settings.record else None


def configuration(settings: Settings, model_store: Path) -> dict[str, str]:
    """Return what a snapshot says beside the models: what file, command line and variables say, without secrets."""
    declared = settings.declared()
    said = {key: text for key, text in settings.texts.items() if key not in _LEFT_OUT and not declared[key].secret}
    paths = {key: str(value) for key in said if isinstance(value := getattr(settings, key), Path)}
    file = {"tsConfigFile": str(settings.config_file)} if settings.config_file else {}
    return {**said, **paths, **file, "version": SERVER_VERSION, "model_store": str(model_store)}


class SnapshotFiles:
    """Writes snapshots from `begin` to `close`, and none without a folder."""

    def __init__(self, folder: Path | None, configuration: Mapping[str, str]) -> None:
        """Nothing is written before `begin`."""
        self._folder = folder
        self._configuration = configuration
        self._entries: Callable[[], list[Entry]] | None = None
        self._thread = Threads("marina-snapshots", 1)
        self._failed = False
        self._last = 0
        self._written: deque[Path] = deque()

    async def begin(self, entries: Callable[[], list[Entry]]) -> None:
        """Write the snapshot of a start, when the ports are open (TorchServe); `entries` returns the versions."""
        self._entries = entries
        await self._write("startup")

    async def changed(self) -> None:
        """Write the snapshot after a change. Never raises."""
        await self._write("snapshot")

    async def close(self) -> None:
        """Write the snapshot of an end in order. Safe to call twice."""
        await self._write("shutdown")
        self._entries = None
        self._thread.close()

    async def _write(self, kind: str) -> None:
        if self._entries is not None and self._folder is not None:
            await self._thread.run(self._put, self._folder, kind, self._entries())

    def _put(self, folder: Path, kind: str, entries: Iterable[Entry]) -> None:
        # Milliseconds since the epoch; two files never have the same, and so the same name.
        created = self._last = max(time.time_ns() // 1_000_000, self._last + 1)
        path = folder / snapshot_name(created, kind)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.new")
            temporary.write_text(snapshot_text(path.name, created, self._configuration, entries), encoding="utf-8")
            temporary.replace(path)
            self._remove_oldest(path)
        except OSError as error:
            if not self._failed:
                log.warning("No snapshots are written to %s: %s", folder, error)
            self._failed = True

    def _remove_oldest(self, path: Path) -> None:
        self._written.append(path)
        if len(self._written) > KEPT:
            self._written.popleft().unlink(missing_ok=True)


def snapshot_text(name: str, created: int, configuration: Mapping[str, str], entries: Iterable[Entry]) -> str:
    """Return the text of a snapshot: a properties file as Java writes one, with the models in JSON.

    `created` is milliseconds since the epoch.
    """
    snapshot = json.dumps(_snapshot(name, created, entries), indent=2, ensure_ascii=False)
    date = time.strftime("%a %b %d %H:%M:%S %Z %Y", time.localtime(created / 1000))
    heading = f"#Saving snapshot\n#{date}\n"
    return heading + properties.stored({**configuration, "model_snapshot": snapshot})


def _snapshot(name: str, created: int, entries: Iterable[Entry]) -> dict[str, Any]:
    models: dict[str, dict[str, Any]] = {}
    for spec, target, is_default in entries:
        models.setdefault(spec.name, {})[spec.version] = {
            "defaultVersion": is_default,
            "marName": spec.archive,
            "minWorkers": target.min_workers,
            "maxWorkers": target.max_workers,
            "batchSize": spec.batch_size,
            "maxBatchDelay": spec.max_batch_delay,
            "responseTimeout": spec.response_timeout,
            "startupTimeout": spec.startup_timeout,
            "runtimeType": spec.runtime,
        }
    return {
        "name": name,
        "modelCount": sum(map(len, models.values())),
        "created": created,
        "models": models,
    }
