"""All models with their versions, as the models table holds them, and the rates derived from their queues. Pure, no Qt.

`take` notes what the engine says has changed, and that rates are to be measured when it is told the time, once a second
or so; `work` then brings the rows up to date, some models at a time and only for as long as it may: it holds the loop.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from gui.tables.records import (
    ModelRecord,
    QueueRecord,
    VersionRecord,
    WorkerRecord,
    model_cells,
    version_cells,
    version_order,
)
from gui.tables.store import Listener, RowList

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.snapshots import Changes, Key, VersionSnapshot, VersionState

TREND_LENGTH = 30
# How many models change between two looks at the clock: neighbours among them are announced together.
MODELS_AT_ONCE = 8


class Catalog:
    """Models by name and, under each, versions by name."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.models: RowList[ModelRecord] = RowList(model_cells, self._listeners)
        self._versions: dict[str, RowList[VersionRecord]] = {}
        self._waiting: dict[str, dict[str, VersionSnapshot]] = {}
        self._due: dict[str, float] = {}
        self._sampled: dict[Key, tuple[int, float]] = {}
        self.revision = 0

    def listen(self, listener: Listener) -> None:
        """Tell this listener of every change from now on."""
        self._listeners.append(listener)

    def versions(self, name: str) -> RowList[VersionRecord]:
        """The versions of a model; raises KeyError."""
        return self._versions[name]

    def version(self, key: Key) -> VersionRecord | None:
        """A version's record, None when it is not registered."""
        return self._versions[key.name].get(key.version) if key.name in self._versions else None

    def __iter__(self) -> Iterator[VersionRecord]:
        return (record for model in self.models for record in model.versions)

    def counts(self) -> Counter[VersionState]:
        """How many models are in each state."""
        return Counter(model.state for model in self.models)

    def apply(self, changes: Changes, now: float | None = None) -> None:
        """Take what changed since the last revision; with `now`, seconds on a steady clock, measure every rate too."""
        self.take(changes, now)
        self.work()

    def take(self, changes: Changes, now: float | None = None) -> None:
        """Remove what has gone and note the rest for `work`; with `now` note that every rate is to be measured too."""
        gone: Iterable[Key] = changes.removed
        if changes.complete:
            present = {snapshot.key for snapshot in changes.changed}
            gone = [record.snapshot.key for record in self if record.snapshot.key not in present]
            self._waiting.clear()
        self._remove(gone)
        for snapshot in changes.changed:
            self._waiting.setdefault(snapshot.key.name, {})[snapshot.key.version] = snapshot
        if now is not None:
            self._due = dict.fromkeys((*self.models.keys, *self._waiting), now)
        self.revision = changes.revision

    def work(self, seconds: float = math.inf) -> bool:
        """Bring rows up to date for about so many seconds; returns whether some are left."""
        until = time.perf_counter() + seconds
        while names := list(islice(self._waiting or self._due, MODELS_AT_ONCE)):
            self._update(names)
            if time.perf_counter() >= until:
                break
        return bool(self._waiting or self._due)

    def _update(self, names: list[str]) -> None:
        """Give these models' rows what waits for them."""
        updates = {name: records for name in names if (records := self._news(name))}
        for name, records in updates.items():
            if name in self._versions:
                self._versions[name].apply(records)
            else:
                self._add_model(name, records)
        self.models.apply({name: self._model(name) for name in updates})

    def _news(self, name: str) -> dict[str, VersionRecord]:
        """Return the records of a model's versions that change: by a snapshot, or by a rate alone."""
        fresh, now = self._waiting.pop(name, {}), self._due.pop(name, None)
        records = {version: self._with_snapshot(snapshot) for version, snapshot in fresh.items()}
        if now is None:
            return records
        known = {record.snapshot.key.version: record for record in self._versions.get(name, ())}
        measured = {version: self._measured(record, now) for version, record in {**known, **records}.items()}
        return {version: record for version, record in measured.items() if record is not known.get(version)}

    def _with_snapshot(self, snapshot: VersionSnapshot) -> VersionRecord:
        known = self.version(snapshot.key)
        return VersionRecord(snapshot, known.rate, known.trend) if known else VersionRecord(snapshot)

    def _measured(self, record: VersionRecord, now: float) -> VersionRecord:
        key, answered = record.snapshot.key, record.snapshot.queue.answered
        before, then = self._sampled.get(key, (0, now))
        self._sampled[key] = (answered, now)
        if now <= then:
            return record
        rate = max(0, answered - before) / (now - then)
        trend = (*record.trend, rate)[-TREND_LENGTH:] if rate or record.trend else ()
        if record.rate == rate and record.trend == trend:
            return record
        return VersionRecord(record.snapshot, rate, trend if any(trend) else ())

    def _remove(self, gone: Iterable[Key]) -> None:
        leaving: defaultdict[str, set[str]] = defaultdict(set)
        for key in gone:
            self._sampled.pop(key, None)
            if self._waiting.get(key.name, {}).pop(key.version, None) and not self._waiting[key.name]:
                del self._waiting[key.name]
            if key.name in self._versions:
                leaving[key.name].add(key.version)
        whole = {name for name, versions in leaving.items() if self._loses_all(name, versions)}
        self._drop_models(whole)
        for name in leaving.keys() - whole:
            self._versions[name].apply({}, leaving[name])
        self.models.apply({name: self._model(name) for name in leaving.keys() - whole})

    def _loses_all(self, name: str, versions: set[str]) -> bool:
        return versions.issuperset(self._versions[name].keys)

    def _drop_models(self, names: set[str]) -> None:
        self.models.apply({}, names)
        for name in names:
            self._due.pop(name, None)
            del self._versions[name]

    def _add_model(self, name: str, records: dict[str, VersionRecord]) -> None:
        # A model's versions are in place before its row is announced, so that the row never appears without them.
        silent: RowList[VersionRecord] = RowList(version_cells, self._listeners, parent=name)
        silent.fill(records)
        self._versions[name] = silent

    def _model(self, name: str) -> ModelRecord:
        return ModelRecord(name, tuple(sorted(self._versions[name], key=_by_version)))


def _by_version(record: VersionRecord) -> tuple[object, ...]:
    version = record.snapshot.key.version
    return (version_order(version), version)


def worker_records(versions: Iterable[VersionRecord], now: float) -> dict[str, WorkerRecord]:
    """The workers of these versions by model, version and id; `now` is seconds since the epoch."""
    return {
        "\0".join((*record.snapshot.key, worker.id)): WorkerRecord(
            record.snapshot.key.version, worker, max(0, int(now - worker.started))
        )
        for record in versions
        for worker in record.snapshot.workers
    }


def queue_records(versions: Iterable[VersionRecord]) -> dict[str, QueueRecord]:
    """The queues of these versions, by model and version."""
    return {
        "\0".join(record.snapshot.key): QueueRecord(
            record.snapshot.key.version, record.snapshot.is_default, record.snapshot.queue
        )
        for record in versions
    }
