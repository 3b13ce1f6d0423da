"""Target against observed: how many workers to start and which to drain. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.registry.records import Target


class Plan(NamedTuple):
    """`start` new workers and drain those with the ids in `drain`; at most one of the two is not empty."""

    start: int
    drain: tuple[str, ...]


def plan(target: Target, wanted: Sequence[str]) -> Plan:
    """Compare `target` with the ids of the workers that are not on their way out, oldest first.

    TorchServe: below the minimum start, above the maximum let the newest go, in between do nothing. A minimum of 0
    means no worker at all, whatever the maximum.
    """
    ceiling = target.max_workers if target.min_workers > 0 else 0
    if len(wanted) < target.min_workers:
        return Plan(target.min_workers - len(wanted), ())
    return Plan(0, tuple(reversed(wanted[ceiling:])))
