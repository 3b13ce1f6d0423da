"""Acts that can be taken back for a few seconds, and how to take them back. On the loop; no Qt."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gui.several import for_each

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from engine.registration import Registration
    from engine.snapshots import Key, VersionSnapshot
    from gui.face import EngineFace

# How long an act can be taken back, in seconds, and how many of them.
SECONDS = 10.0
MOST = 5


@dataclass(frozen=True, slots=True)
class Undo:
    """What was done, in words ("Unregistered digits 1.0"), and what takes it back; that raises `MarinaError`."""

    done: str
    back: Callable[[], Coroutine[object, object, None]]


class UndoStack:
    """The newest acts, each until its time is over. `clock` gives steady seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._acts: deque[tuple[float, Undo]] = deque(maxlen=MOST)

    def push(self, undo: Undo) -> None:
        """Remember an act that was just done."""
        self._acts.append((self._clock() + SECONDS, undo))

    @property
    def newest(self) -> Undo | None:
        """The act to take back first, None when there is none or it is too late."""
        self._forget()
        return self._acts[-1][1] if self._acts else None

    @property
    def seconds_left(self) -> float:
        """How long the newest can still be taken back."""
        self._forget()
        return self._acts[-1][0] - self._clock() if self._acts else 0.0

    def pop(self) -> Undo | None:
        """Give the newest away, to be taken back now."""
        newest = self.newest
        if newest is not None:
            self._acts.pop()
        return newest

    def clear(self) -> None:
        """Forget everything."""
        self._acts.clear()

    def _forget(self) -> None:
        while self._acts and self._acts[0][0] <= self._clock():
            self._acts.popleft()


@dataclass(frozen=True, slots=True)
class Kept:
    """What brings a version back as it was."""

    key: Key
    registration: Registration
    min_workers: int
    max_workers: int
    is_default: bool


def remember(engine: EngineFace, version: VersionSnapshot) -> Kept:
    """Return what brings the version back; to be asked for before it goes. Raises NotFoundError."""
    registration = engine.registration_of(*version.key)
    low = version.min_workers if registration.initial_workers is None else registration.initial_workers
    return Kept(version.key, registration, low, max(low, version.max_workers), version.is_default)


async def bring_back(engine: EngineFace, versions: Iterable[Kept]) -> None:
    """Register versions again, with their workers and defaults; what fails does not keep the others from coming."""

    async def bring(kept: Kept) -> None:
        await engine.register(kept.registration)
        # The archive's own configuration may say another number of workers, and no registration says the maximum.
        await engine.scale(*kept.key, min_workers=kept.min_workers, max_workers=kept.max_workers)
        if kept.is_default:
            await engine.set_default(*kept.key)

    await for_each(versions, bring)


async def scale_back(engine: EngineFace, versions: Iterable[VersionSnapshot]) -> None:
    """Give versions the numbers of workers that they had."""
    await for_each(
        versions,
        lambda version: engine.scale(
            *version.key, min_workers=version.min_workers, max_workers=max(version.min_workers, version.max_workers)
        ),
    )
