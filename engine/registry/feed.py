"""Who changed since when: a revision number per key, and who wants to be woken. Pure; used on the loop.

Readers pull: they remember a revision and ask for what is newer. A wake-up carries nothing, so none can be lost.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.snapshots import Key

MAX_TOMBSTONES = 10_000


class News(NamedTuple):
    """What is newer than a revision. `complete` tells that `changed` is all there is: forget every other key."""

    revision: int
    changed: tuple[Key, ...]
    removed: tuple[Key, ...]
    complete: bool


class Feed:
    """The revision grows with every change; each key remembers the revision of its last one."""

    def __init__(self) -> None:
        """Start at revision 1, so that 0 always asks for everything."""
        self.revision = 1
        self._touched: OrderedDict[Key, int] = OrderedDict()
        self._removed: OrderedDict[Key, int] = OrderedDict()
        self._forgotten = 0
        self._wakers: list[Callable[[], None]] = []

    def touch(self, key: Key) -> None:
        """Note that `key` appeared or changed, and wake the subscribers."""
        self.revision += 1
        self._removed.pop(key, None)
        self._touched[key] = self.revision
        self._touched.move_to_end(key)
        self.wake()

    def remove(self, key: Key) -> None:
        """Note that `key` is gone, and wake the subscribers."""
        self.revision += 1
        self._touched.pop(key, None)
        self._removed[key] = self.revision
        self._removed.move_to_end(key)
        if len(self._removed) > MAX_TOMBSTONES:
            self._forgotten = self._removed.popitem(last=False)[1]
        self.wake()

    def since(self, revision: int) -> News:
        """Return what is newer than `revision`, oldest change first."""
        if revision <= self._forgotten:
            return News(self.revision, tuple(self._touched), (), complete=True)
        return News(self.revision, _newer(self._touched, revision), _newer(self._removed, revision), complete=False)

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after every change, on the loop; returns what ends it, safe to call twice."""
        self._wakers.append(wake)

        def unsubscribe() -> None:
            if wake in self._wakers:
                self._wakers.remove(wake)

        return unsubscribe

    def wake(self) -> None:
        """Wake the subscribers though no key changed: what they see beside it did."""
        for wake in tuple(self._wakers):
            wake()


def _newer(revisions: OrderedDict[Key, int], revision: int) -> tuple[Key, ...]:
    found = []
    for key, changed_at in reversed(revisions.items()):
        if changed_at <= revision:
            break
        found.append(key)
    return tuple(reversed(found))
