"""The last five minutes of every version with something to draw, a sample each second. Pure.

Samples lie in rings of 32-bit floats, 11 kB for a version that has workers or jobs, nothing for one that rests. All
rings turn together: a *tick* is one look at all versions, and what a tick has of a version is one row of its ring.
`begin` opens a tick and `work` fills it, some versions at a time, for it holds the loop. A version that says the same
as at the last tick is *still*: its newest row counts on, and nothing is written until it says something else.
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
    from collections.abc import Iterable, Iterator, Mapping

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


WIDTH = len(Figures._fields)


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
    """One version's ring, what it was at the last tick, and what its work was like when it was first seen.

    `tick` is that of the newest row. `still` is what the version is for as long as it stays as that row says.
    """

    first: Mark
    snapshot: VersionSnapshot
    tick: int
    still: VersionSnapshot | None = None
    rows: array[float] = field(default_factory=lambda: array("f", [NONE]) * (TICKS * WIDTH))

    def put(self, tick: int, row: Figures) -> None:
        """Write the row of a tick."""
        self.last_until(tick)
        self.tick = tick
        self._fill(tick % TICKS, array("f", row), 1)

    def last_until(self, tick: int) -> None:
        """Let the newest row count for every tick before this one."""
        first, count = self.tick % TICKS, min(max(0, tick - self.tick - 1), TICKS)
        row = self.rows[first * WIDTH : (first + 1) * WIDTH]
        over = max(0, first + 1 + count - TICKS)
        self._fill(first + 1, row, count - over)
        self._fill(0, row, over)
        self.tick = max(self.tick, tick - 1)

    def _fill(self, place: int, row: array[float], count: int) -> None:
        self.rows[place * WIDTH : (place + count) * WIDTH] = row * count


class History:
    """Tracks by version. Times are seconds on a steady clock."""

    def __init__(self) -> None:
        self._tick = -1
        self._times = array("d", [NONE]) * TICKS
        self._before = self._now = NONE
        self._tracks: dict[Key, Track] = {}
        # The tick since which nothing goes on, of those where nothing does.
        self._resting: dict[Key, int] = {}
        # What every version's work was like at each of the last minutes.
        self._minutes: deque[tuple[float, dict[Key, Work]]] = deque()
        self._left: Iterator[VersionSnapshot] = iter(())

    def __len__(self) -> int:
        return len(self._tracks)

    def begin(self, versions: Iterable[VersionSnapshot], now: float) -> None:
        """Open a tick with all versions that there are; others are forgotten. An unfinished tick is finished first."""
        self.work()
        present = {version.key: version for version in versions}
        if now - self._now > GAP_SECONDS:
            self._turn(NONE)
        self._turn(now)
        self._before, self._now = self._now, now
        self._forget(present)
        self._note_minute(present)
        known = self._tracks
        self._left = iter([now for key, now in present.items() if key not in known or known[key].still is not now])

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
        track.last_until(self._tick + 1)
        ages = [moment - self._now for moment in _turned(self._times, self._tick + 1)]
        return Series(
            [age if age >= -SECONDS else NONE for age in ages],
            {name: _turned(track.rows[place::WIDTH], self._tick + 1) for place, name in enumerate(Figures._fields)},
        )

    def mark(self, key: Key) -> Mark | None:
        """What the version's jobs had been like five minutes ago, or when it was first seen since."""
        if (track := self._tracks.get(key)) is None:
            return None
        since = self._now - SECONDS
        past = (Mark(at, works[key]) for at, works in reversed(self._minutes) if at <= since and key in works)
        mark = next(past, track.first)
        return mark if mark.time > track.first.time else track.first

    def _turn(self, now: float) -> None:
        self._tick += 1
        self._times[self._tick % TICKS] = now

    def _forget(self, present: Mapping[Key, VersionSnapshot]) -> None:
        """Forget versions that are gone, and those that have rested for as long as a ring holds."""
        gone = self._tracks.keys() - present.keys()
        rested = {key for key, since in self._resting.items() if self._tick - since >= TICKS}
        for key in gone | rested:
            del self._tracks[key]
            self._resting.pop(key, None)

    def _note_minute(self, present: Mapping[Key, VersionSnapshot]) -> None:
        if not self._minutes or self._now - self._minutes[-1][0] >= MARK_SECONDS:
            self._minutes.append((self._now, {key: version.queue.work for key, version in present.items()}))
        while len(self._minutes) > 1 and self._now - self._minutes[1][0] >= SECONDS:
            self._minutes.popleft()

    def _note(self, version: VersionSnapshot) -> None:
        key, track, is_active = version.key, self._tracks.get(version.key), _is_active(version)
        if track is None:
            if not is_active:
                return
            track = self._tracks[key] = Track(Mark(self._now, version.queue.work), version, self._tick)
        before = track.snapshot
        if is_active or version.queue.accepted != before.queue.accepted:
            self._resting.pop(key, None)
        else:
            self._resting.setdefault(key, self._tick)
        elapsed = self._now - self._before if track.first.time < self._now else 0.0
        track.put(self._tick, _figures(before.queue, version, elapsed))
        track.snapshot, track.still = version, version if version is before and elapsed > 0 else None


def _is_active(version: VersionSnapshot) -> bool:
    queue = version.queue
    return bool(version.workers or queue.pending or queue.in_flight)


def _figures(before: QueueSnapshot, version: VersionSnapshot, elapsed: float) -> Figures:
    queue = version.queue
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


def _turned(ring: array[float], newest: int) -> list[float]:
    """A ring's values, oldest first; the newest lies right before this place."""
    cut = newest % TICKS
    return [*ring[cut:], *ring[:cut]]
