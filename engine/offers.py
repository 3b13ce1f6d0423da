"""Archives that somebody put into the model store, found by looking at it now and then. On the loop; disk in threads.

What is there at the start, what Marina puts there itself and what a version uses is nobody's news. An archive counts
once it has stayed as it is from one look to the next, and is whole.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, NamedTuple

from engine.archives.summary import check
from engine.errors import MarinaError
from engine.unpacked import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path
    from threading import Event

    from engine.threads import Threads

log = logging.getLogger(__name__)

# Seconds from one look at the model store to the next.
LOOK_SECONDS = 2.0


class Mark(NamedTuple):
    """What a file looks like from outside; another mark is another archive."""

    inode: int
    size: int
    modified: int


class Offers:
    """The archives of one model store that could be registered, by file name. Nothing happens before `look`."""

    def __init__(
        self, model_store: Path, threads: Threads, is_used: Callable[[str], bool], on_change: Callable[[], None]
    ) -> None:
        """`is_used` tells whether a version uses an archive; `on_change` is called when `names` has changed."""
        self._model_store = model_store
        self._threads = threads
        self._is_used = is_used
        self._on_change = on_change
        self._ours: set[str] = set()
        self._known: dict[str, Mark] = {}
        self._offered: dict[str, Mark] = {}
        self._before: dict[str, Mark] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What is offered, sorted; an archive that a version uses by now is not."""
        return tuple(sorted(name for name in self._offered if not self._is_used(name)))

    def claim(self, name: str) -> None:
        """Say that Marina itself has put this archive there."""
        self._ours.add(name)

    def decline(self, name: str) -> None:
        """Offer this archive no more, until another takes its place."""
        if name in self._offered:
            self._known[name] = self._offered.pop(name)
            self._on_change()

    async def look(self) -> None:
        """Look at the model store; call it every LOOK_SECONDS. What the first look finds is not offered."""
        before = self._before
        found = await self._threads.run(_archives, self._model_store, before or {})
        if before is None:
            self._known = found
        else:
            await self._weigh(found, {name for name, mark in found.items() if before.get(name) == mark})
        self._before = found

    async def _weigh(self, found: dict[str, Mark], settled: Collection[str]) -> None:
        """Offer what is new, settled and whole; forget what is gone or another by now."""
        old = self.names
        self._known = {name: mark for name, mark in self._known.items() if found.get(name) == mark}
        self._offered = {name: mark for name, mark in self._offered.items() if found.get(name) == mark}
        for name in sorted(settled - self._known.keys() - self._offered.keys()):
            is_ours = name in self._ours or self._is_used(name)
            self._ours.discard(name)
            is_news = not is_ours and await self._is_whole(self._model_store / name)
            (self._offered if is_news else self._known)[name] = found[name]
        if self.names != old:
            self._on_change()

    async def _is_whole(self, path: Path) -> bool:
        return await self._threads.run_cancellable(lambda _report, cancel: _is_whole(path, cancel), None)


def _archives(model_store: Path, before: dict[str, Mark]) -> dict[str, Mark]:
    """Return the archives that lie there now; `before` when nobody can tell."""
    try:
        with os.scandir(model_store) as entries:
            found = [entry for entry in entries if _is_archive(entry)]
            stats = [(entry.name, entry.stat(follow_symlinks=False)) for entry in found]
    except OSError as error:
        log.debug("The model store could not be looked at: %s", error)
        return before
    return {name: Mark(stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats}


def _is_archive(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.name.endswith(SUFFIXES) and entry.is_file(follow_symlinks=False)


def _is_whole(path: Path, cancel: Event) -> bool:
    try:
        check(path, cancel)
    except (MarinaError, OSError) as error:
        log.info("%s in the model store is not offered: %s", path.name, error)
        return False
    return True
