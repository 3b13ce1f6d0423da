"""The last five minutes of every version with something to draw, a sample each second. Pure.

Samples lie in rings of 32-bit floats, 11 kB for a version that has workers or jobs, nothing for one that rests. All
rings turn together: a *tick* is one look at all versions, and what a tick has of a version is one row of its ring.
`begin` opens a tick and `work` fills it, some versions at a time, for it holds the loop.
"""

from __future__ import annotations

import math
import time
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gui.percentiles import latency

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.snapshots import Key, QueueSnapshot, VersionSnapshot, Work

SECONDS = 300
TICKS = 300
# Nobody looked for so long (the window was hidden): lines are broken there.
GAP_SECONDS = 3
MARK_SECONDS = 60
MILLI = 1000
NONE = math.nan


class Figures(NamedTuple):
    """A version in one second. Rates are per second, percentiles milliseconds, memory bytes; NaN is nothing to say."""

    answered: float
    failed: float
    p50: float
    p95: float
    p99: float
    pending: float
    in_flight: float
    memory: float
    gpu_memory: float


class Series(NamedTuple):
    """The figures of `SECONDS`, oldest first: `ages` are seconds before the newest sample, at most 0, NaN for none."""

    ages: list[float]
    figures: dict[str, list[float]]

    def at(self, index: int) -> Figures:
        """All figures of one sample."""
        return Figures(**{name: values[index] for name, values in self.figures.items()})

    def nearest(self, age: float) -> int | None:
        """The sample whose age is nearest to this one, None when there is none within `GAP_SECONDS`."""
        close = [index for index, value in enumerate(self.ages) if abs(value - age) <= GAP_SECONDS]
        return min(close, key=lambda index: abs(self.ages[index] - age), default=None)


class Mark(NamedTuple):
    """What a version's jobs had been like at a time."""

    time: float
    work: Work


@dataclass(slots=True)
class Track:
    """One version's ring, what its queue was at the last tick, and its work at each of the last minutes."""

    seen: float
    queue: QueueSnapshot
    active: int
    rows: array[float] = field(default_factory=lambda: array("f", [NONE]) * (TICKS * len(Figures._fields)))
    marks: deque[Mark] = field(default_factory=deque)


class History:
    """Tracks by version. Times are seconds on a steady clock."""

    def __init__(self) -> None:
        self._tick = -1
        self._times = array("d", [NONE]) * TICKS
        self._now = NONE
        self._tracks: dict[Key, Track] = {}
        self._left: Iterator[VersionSnapshot] = iter(())

    def __len__(self) -> int:
        return len(self._tracks)

    def begin(self, versions: Iterable[VersionSnapshot], now: float) -> None:
        """Open a tick with all versions that there are; others are forgotten. An unfinished tick is finished first."""
        self.work()
        present = list(versions)
        keys = {version.key for version in present}
        for key in self._tracks.keys() - keys:
            del self._tracks[key]
        if now - self._now > GAP_SECONDS:
            self._turn(NONE)
        self._turn(now)
        self._now = now
        self._left = iter(present)

    def work(self, seconds: float = math.inf) -> bool:
        """Fill the open tick for about so many seconds; returns whether some of it is left."""
        until = time.perf_counter() + seconds
        for version in self._left:
            self._note(version)
            if time.perf_counter() >= until:
                return True
        return False

    def series(self, key: Key) -> Series | None:
        """What is known of a version, None when that is nothing."""
        if (track := self._tracks.get(key)) is None:
            return None
        ages = [moment - self._now for moment in _turned(self._times, self._tick + 1)]
        width = len(Figures._fields)
        return Series(
            [age if age >= -SECONDS else NONE for age in ages],
            {name: _turned(track.rows[place::width], self._tick + 1) for place, name in enumerate(Figures._fields)},
        )

    def mark(self, key: Key) -> Mark | None:
        """What the version's jobs had been like five minutes ago, or when it was first seen since."""
        track = self._tracks.get(key)
        return track.marks[0] if track else None

    def _turn(self, now: float) -> None:
        self._tick += 1
        self._times[self._tick % TICKS] = now

    def _note(self, version: VersionSnapshot) -> None:
        queue, track = version.queue, self._tracks.get(version.key)
        busy = queue.pending or queue.in_flight or (track and track.queue.accepted != queue.accepted)
        active = bool(version.workers or busy)
        if track is None:
            if not active:
                return
            track = self._tracks[version.key] = Track(self._now, queue, self._tick)
        elif not active and self._tick - track.active > TICKS:
            del self._tracks[version.key]
            return
        self._write(track, version, active=active)

    def _write(self, track: Track, version: VersionSnapshot, *, active: bool) -> None:
        width = len(Figures._fields)
        place = self._tick % TICKS * width
        track.rows[place : place + width] = array("f", _figures(track, version, self._now))
        track.seen, track.queue = self._now, version.queue
        if active:
            track.active = self._tick
        _mark(track.marks, self._now, version.queue.work)


def _figures(track: Track, version: VersionSnapshot, now: float) -> Figures:
    before, queue, elapsed = track.queue, version.queue, now - track.seen
    took = latency(before.work.latencies, queue.work.latencies) if queue.work is not before.work else None
    p50, p95, p99 = (MILLI * value for value in took) if took else (NONE, NONE, NONE)
    gpu = [worker.gpu_memory for worker in version.workers if worker.gpu_memory is not None]
    return Figures(
        answered=max(0, queue.answered - before.answered) / elapsed if elapsed > 0 else NONE,
        failed=max(0, queue.failed - before.failed) / elapsed if elapsed > 0 else NONE,
        p50=p50,
        p95=p95,
        p99=p99,
        pending=queue.pending,
        in_flight=queue.in_flight,
        memory=version.memory,
        gpu_memory=sum(gpu) if gpu else NONE,
    )


def _mark(marks: deque[Mark], now: float, work: Work) -> None:
    """Keep a mark for each minute, the first of them five minutes old when there are as many."""
    if not marks or now - marks[-1].time >= MARK_SECONDS:
        marks.append(Mark(now, work))
    while len(marks) > 1 and now - marks[1].time >= SECONDS:
        marks.popleft()


def _turned(ring: array[float], newest: int) -> list[float]:
    """A ring's values, oldest first; the newest lies right before this place."""
    cut = newest % TICKS
    return [*ring[cut:], *ring[:cut]]
