"""How many workers a version should have right now, between its minimum and its maximum. Pure: no clock, no I/O.

The rules, all of them: a further worker once jobs have waited, and no worker was free, for `Rules.up` seconds on end;
one fewer once a worker had nothing to do, and no job waited, for `Rules.down` seconds on end; none at all once no
request came for `Rules.unload` seconds and nothing is under way. Workers come and go one at a time. Every change starts
all waits again, and so does a worker that is on its way or in trouble: another one would not help before it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engine.registry.records import Target


@dataclass(frozen=True, slots=True)
class Rules:
    """Seconds on end that something must have been so before workers come or go; `unload` 0 is never."""

    up: float
    down: float
    unload: float

    def matter(self, target: Target) -> bool:
        """Whether `target` leaves anything to decide."""
        return target.min_workers > 0 and (target.max_workers > target.min_workers or self.unload > 0)


class Load(NamedTuple):
    """What is to see of a version at one moment.

    `accepted` counts its jobs since registration, `pending` those that wait. `workers` are those not on their way out,
    `ready` and `busy` how many of them are so; `spare` ones have nothing to do and keep nothing for later requests.
    """

    accepted: int
    pending: int
    workers: int
    ready: int
    busy: int
    spare: int


class Scaling:
    """Applies the rules to what is seen of one version from time to time. Times are seconds of any clock that grows."""

    def __init__(self, rules: Rules, now: float) -> None:
        """Every wait starts at `now`."""
        self._rules = rules
        self._accepted = 0
        self._restart(now)

    def wanted(self, now: float, load: Load, target: Target) -> int:
        """Return how many workers to have from now on: the minimum to the maximum of `target`, or 0 to unload."""
        self._look(now, load)
        rules, count = self._rules, min(max(load.workers, target.min_workers), target.max_workers)
        if count != load.workers:
            pass
        elif 0 < rules.unload <= now - self._used:
            count = 0
        elif now - self._free >= rules.up and count < target.max_workers:
            count += 1
        elif now - self._needed >= rules.down and count > target.min_workers:
            count -= 1
        if count != load.workers:
            self._restart(now)
        return count

    def _look(self, now: float, load: Load) -> None:
        if load.ready < load.workers:
            self._restart(now)
        if not load.pending or load.busy < load.workers:
            self._free = now
        if load.pending or not load.spare:
            self._needed = now
        if load.pending or load.spare < load.workers or load.accepted != self._accepted:
            self._used = now
        self._accepted = load.accepted

    def _restart(self, now: float) -> None:
        """Start all waits again: when a worker was last free, when all were last needed, when one was last used."""
        self._free = self._needed = self._used = now
