"""What happened to models that is worth a notification, told from two looks at their states. Pure, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from engine.snapshots import VersionState
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.snapshots import Key

# Loading that took longer is worth saying that it is over.
LONG_SECONDS = 5.0
# So many names are told; the rest is counted.
MOST_NAMES = 3
WELL = (VersionState.READY, VersionState.BUSY)


class Kind(Enum):
    """What happened to a version."""

    FAILED = "failed"
    LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class Happening:
    """One version, and what happened to it."""

    kind: Kind
    key: Key


@dataclass(frozen=True, slots=True)
class Seen:
    """A version's state at the last look. `since` is when that state was first seen, in seconds on a steady clock.

    `failed` stays until the version is well again: a worker that fails, starts again and fails is told of once.
    """

    state: VersionState
    since: float
    failed: bool


Looks = dict["Key", Seen]


def look(before: Looks | None, states: Mapping[Key, VersionState], now: float) -> tuple[Looks, list[Happening]]:
    """Compare with the last look; the first one, with None before it, tells nothing."""
    after = {key: _seen(before.get(key) if before else None, state, now) for key, state in states.items()}
    if before is None:
        return after, []
    told = ((key, _kind(before.get(key), seen, now)) for key, seen in after.items())
    return after, [Happening(kind, key) for key, kind in told if kind]


def _seen(before: Seen | None, state: VersionState, now: float) -> Seen:
    if before is not None and before.state is state:
        return before
    failed = state is VersionState.FAILED or (before is not None and before.failed and state not in WELL)
    return Seen(state, now, failed)


def _kind(before: Seen | None, after: Seen, now: float) -> Kind | None:
    if after.failed and not (before and before.failed):
        return Kind.FAILED
    if before and before.state is VersionState.LOADING and after.state in WELL and now - before.since > LONG_SECONDS:
        return Kind.LOADED
    return None


def sentences(happenings: Sequence[Happening]) -> list[str]:
    """Say it in as few lines as there are kinds: "2 models failed: digits 1.0, denoiser 0.9"."""
    groups = {kind: [happening.key for happening in happenings if happening.kind is kind] for kind in Kind}
    return [
        tr("{what}: {names}").format(what=_what(kind, len(keys)), names=_names(keys))
        for kind, keys in groups.items()
        if keys
    ]


def _what(kind: Kind, count: int) -> str:
    if kind is Kind.FAILED:
        return counted(count, "%n model failed", "%n models failed")
    return counted(count, "%n model is ready", "%n models are ready")


def _names(keys: Sequence[Key]) -> str:
    names = [f"{key.name} {key.version}" for key in keys[:MOST_NAMES]]
    more = len(keys) - len(names)
    return ", ".join([*names, *([counted(more, "%n more", "%n more")] if more else [])])
