"""All models with their versions as the window knows them, and what only time tells of them: rates, latencies. Pure.

`take` notes what the engine says has changed, and that figures are to be measured when it is told the time, once a
second or so; `work` then brings the records up to date, some models at a time and only for as long as it may: it holds
the loop. A model where nothing goes on is not looked at.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict, deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from engine.snapshots import WorkerState
from gui.percentiles import latency
from gui.tables.records import ModelRecord, QueueRecord, VersionRecord, WorkerRecord, version_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from engine.snapshots import Changes, Key, VersionSnapshot, VersionState
    from gui.tables.arrangement import Row

TREND_LENGTH = 30
# Percentiles are over this many seconds and a bit, so that they are calm.
CALM_SECONDS = 5
# How many models change between two looks at the clock: neighbours among them are announced together.
MODELS_AT_ONCE = 8
COMING = (WorkerState.STARTING, WorkerState.LOADING)


class Listener(Protocol):
    """Hears of changes by rows: a model's is its name with None, a version's has the version."""

    def leaving(self, rows: Collection[Row]) -> None:
        """These rows are about to go."""
        ...

    def changed_rows(self, rows: Collection[Row]) -> None:
        """These rows are new or have other values."""
        ...

    def settled(self, *, measured: bool) -> None:
        """All that a look found has been told, and what time tells too if it `measured` that."""
        ...


class Sample(NamedTuple):
    """What a version's counters said at a time, in seconds on a steady clock."""

    time: float
    answered: int
    latencies: tuple[int, ...]


class Totals(NamedTuple):
    """What goes on in all models together: requests per second, jobs waiting, workers at work, their bytes."""

    requests: float = 0.0
    pending: int = 0
    ready: int = 0
    memory: int = 0


class Catalog:
    """Models by name and, under each, versions by name."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._models: dict[str, ModelRecord] = {}
        self._totals: dict[str, Totals] = {}
        self._versions: dict[str, dict[str, VersionRecord]] = {}
        self._waiting: dict[str, dict[str, VersionSnapshot]] = {}
        # Models to be measured, each with the time until which its counters are known not to have moved.
        self._due: dict[str, float] = {}
        self._moving: set[str] = set()
        self._samples: dict[Key, deque[Sample]] = {}
        self._now = -math.inf
        self._measuring = False
        self._settled = True
        self.revision = 0

    def listen(self, listener: Listener) -> None:
        """Tell this listener of every change from now on."""
        self._listeners.append(listener)

    @property
    def models(self) -> Mapping[str, ModelRecord]:
        """Every model by name."""
        return self._models

    def versions(self, name: str) -> Mapping[str, VersionRecord]:
        """The versions of a model; raises KeyError."""
        return self._versions[name]

    def version(self, key: Key) -> VersionRecord | None:
        """A version's record, None when it is not registered."""
        return self._versions.get(key.name, {}).get(key.version)

    def __iter__(self) -> Iterator[VersionRecord]:
        return (record for model in self._models.values() for record in model.versions)

    def counts(self) -> Counter[VersionState]:
        """How many models are in each state."""
        return Counter(model.state for model in self._models.values())

    def totals(self) -> Totals:
        """What goes on in all models together."""
        return Totals(*map(sum, zip(*self._totals.values(), strict=True))) if self._totals else Totals()

    def apply(self, changes: Changes, now: float | None = None) -> None:
        """Take what changed since the last revision; with `now`, seconds on a steady clock, measure figures too."""
        self.take(changes, now)
        self.work()

    def take(self, changes: Changes, now: float | None = None) -> None:
        """Remove what has gone and note the rest for `work`; with `now` note that figures are to be measured too."""
        gone: Iterable[Key] = changes.removed
        if changes.complete:
            present = {snapshot.key for snapshot in changes.changed}
            gone = [record.snapshot.key for record in self if record.snapshot.key not in present]
            self._waiting.clear()
        self._remove(gone)
        for snapshot in changes.changed:
            self._waiting.setdefault(snapshot.key.name, {})[snapshot.key.version] = snapshot
        if now is not None and now > self._now:
            self._measuring = True
            self._due = dict.fromkeys((*self._moving, *self._waiting), self._now) | self._due
            self._moving.clear()
            self._now = now
        self._settled = False
        self.revision = changes.revision

    def work(self, seconds: float = math.inf) -> bool:
        """Bring records up to date for about so many seconds; returns whether to call again.

        That all has been told is told in a call of its own unless hardly any time is gone, as it may move every row.
        """
        started = time.perf_counter()
        self._update_until(started + seconds)
        soon = started + seconds / 8
        if self._waiting or self._due or time.perf_counter() >= soon:
            return bool(self._waiting or self._due or not self._settled)
        if not self._settled:
            self._settled = True
            for listener in self._listeners:
                listener.settled(measured=self._measuring)
            self._measuring = False
        return time.perf_counter() >= soon

    def _update_until(self, until: float) -> None:
        while names := list(islice(self._waiting or self._due, MODELS_AT_ONCE)):
            self._update(names)
            if time.perf_counter() >= until:
                return

    def _update(self, names: list[str]) -> None:
        """Give these models' records what waits for them."""
        rows: list[Row] = []
        for name in names:
            news = self._news(name)
            if news:
                self._versions.setdefault(name, {}).update(news)
                self._keep(name)
                rows += [(name, None), *((name, version) for version in news)]
        self._tell(rows)

    def _news(self, name: str) -> dict[str, VersionRecord]:
        """Return the records of a model's versions that change: by a snapshot, or by what time tells."""
        fresh, still = self._waiting.pop(name, {}), self._due.pop(name, None)
        records = {version: self._with_snapshot(snapshot) for version, snapshot in fresh.items()}
        if still is None:
            self._moving.add(name)
            return records
        known = self._versions.get(name, {})
        measured = {version: self._measured(record, still) for version, record in {**known, **records}.items()}
        if any(record.is_moving for record in measured.values()):
            self._moving.add(name)
        return {version: record for version, record in measured.items() if record is not known.get(version)}

    def _with_snapshot(self, snapshot: VersionSnapshot) -> VersionRecord:
        known = self.version(snapshot.key)
        if known is None:
            return VersionRecord(snapshot, loads=_loads(snapshot))
        return VersionRecord(snapshot, known.rate, known.trend, known.p95, _loads(snapshot))

    def _measured(self, record: VersionRecord, still: float) -> VersionRecord:
        """Return the record as time makes it, itself when nothing in it changes."""
        snapshot, rate, trend, p95 = record.snapshot, record.rate, record.trend, record.p95
        samples = self._samples.setdefault(snapshot.key, deque())
        if not samples or samples[-1].time < self._now:
            new = Sample(self._now, snapshot.queue.answered, snapshot.queue.work.latencies)
            if samples:
                rate = _rate(samples[-1], new, still)
                trend = _trend(record.trend, rate)
            samples.append(new)
            while len(samples) > 1 and samples[1].time <= self._now - CALM_SECONDS:
                samples.popleft()
            taken = latency(samples[0].latencies, new.latencies)
            p95 = taken.p95 if taken else None
        fresh = (rate, trend, p95, _loads(snapshot))
        if fresh == (record.rate, record.trend, record.p95, record.loads):
            return record
        return VersionRecord(snapshot, *fresh)

    def _remove(self, gone: Iterable[Key]) -> None:
        leaving: defaultdict[str, set[str]] = defaultdict(set)
        for key in gone:
            self._samples.pop(key, None)
            if self._waiting.get(key.name, {}).pop(key.version, None) and not self._waiting[key.name]:
                del self._waiting[key.name]
            if self.version(key) is not None:
                leaving[key.name].add(key.version)
        whole = [name for name, versions in leaving.items() if len(versions) == len(self._versions[name])]
        rows: list[Row] = [(name, version) for name, versions in leaving.items() for version in versions]
        rows += [(name, None) for name in whole]
        if not rows:
            return
        for listener in self._listeners:
            listener.leaving(rows)
        self._forget(leaving, whole)

    def _forget(self, leaving: Mapping[str, set[str]], whole: Collection[str]) -> None:
        for name in whole:
            self._due.pop(name, None)
            self._moving.discard(name)
            del self._versions[name], self._models[name], self._totals[name]
        rest = leaving.keys() - set(whole)
        for name in rest:
            for version in leaving[name]:
                del self._versions[name][version]
            self._keep(name)
        self._tell([(name, None) for name in rest])

    def _keep(self, name: str) -> None:
        """Make a model of its versions; it is summed up now, since a thousand at once would take too long."""
        model = ModelRecord(name, tuple(sorted(self._versions[name].values(), key=_by_version)))
        self._models[name] = model
        self._totals[name] = Totals(model.requests, model.pending, model.ready, model.memory)

    def _tell(self, rows: Collection[Row]) -> None:
        if rows:
            for listener in self._listeners:
                listener.changed_rows(rows)


def _by_version(record: VersionRecord) -> tuple[object, ...]:
    version = record.snapshot.key.version
    return (version_order(version), version)


def _rate(before: Sample, after: Sample, still: float) -> float:
    """Answers per second; until `still` the counters are known not to have moved."""
    return max(0, after.answered - before.answered) / (after.time - max(before.time, still))


def _trend(before: tuple[float, ...], rate: float) -> tuple[float, ...]:
    trend = (*before, rate)[-TREND_LENGTH:]
    return trend if any(trend) else ()


def _loads(snapshot: VersionSnapshot) -> int | None:
    """Whole seconds since the oldest worker that is not ready yet was started, None when there is none such."""
    started = min((worker.started for worker in snapshot.workers if worker.state in COMING), default=None)
    return None if started is None else max(0, int(time.time() - started))


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
