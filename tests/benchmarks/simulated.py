"""An engine that serves nothing: its versions' figures change by themselves, in small steps, as fast as asked for."""

from __future__ import annotations

import random
from itertools import cycle, islice
from typing import TYPE_CHECKING

from engine.snapshots import Key, QueueSnapshot, VersionSnapshot, VersionState, Work
from tests.gui.fakes import FakeEngine, a_version, a_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 2
BUCKETS = 82
VERSIONS = ("1.0", "1.1", "2.0")
STATES = (VersionState.READY, VersionState.BUSY)


class Simulated(FakeEngine):
    """So many models of three versions with two workers each."""

    def __init__(self, models: int) -> None:
        super().__init__()
        self._dice = random.Random(1)
        for number in range(models):
            self.put(*(a_version_of(f"model-{number:04}", version) for version in VERSIONS))
        self._turn: Iterator[Key] = cycle(list(self.versions))

    def serve(self, count: int) -> None:
        """Let the next so many versions have had requests."""
        for key in islice(self._turn, count):
            self.put(self._served(self.versions[key]))

    def _served(self, version: VersionSnapshot) -> VersionSnapshot:
        dice, queue = self._dice, version.queue
        more, bucket = dice.randint(1, 99), dice.randrange(20, 40)
        counts = list(queue.work.latencies or (0,) * BUCKETS)
        counts[bucket] += more
        fresh = QueueSnapshot(
            pending=dice.randint(0, 9),
            capacity=queue.capacity,
            in_flight=1,
            accepted=queue.accepted + more,
            answered=queue.answered + more,
            failed=queue.failed,
            work=Work(queue.work.waits, tuple(counts), queue.work.fills),
        )
        return _with(version, dice.choice(STATES), fresh)


def a_version_of(name: str, version: str) -> VersionSnapshot:
    """A version with its workers."""
    workers = tuple(a_worker(str(9000 + number)) for number in range(WORKERS))
    return a_version(name, version, is_default=version == VERSIONS[0], workers=workers, min_workers=WORKERS)


def _with(version: VersionSnapshot, state: VersionState, queue: QueueSnapshot) -> VersionSnapshot:
    """`dataclasses.replace`, several times as fast."""
    fresh = object.__new__(VersionSnapshot)
    for name in VersionSnapshot.__slots__:
        object.__setattr__(fresh, name, getattr(version, name))
    object.__setattr__(fresh, "state", state)
    object.__setattr__(fresh, "queue", queue)
    return fresh
