"""Whether the last run's models come back at this start: a crash loop ends when they stay away once.

Only the window asks for that: a server without one is started by scripts, which rely on its record after any kill. A
small file counts the starts that brought models back and neither ended in order nor lasted. On the loop; the file is
read and written in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engine.record.rows import SavedVersion
    from engine.registering import Registering
    from engine.snapshots import Key
    from engine.threads import Threads

log = logging.getLogger(__name__)

# So many starts in a row that did not last are a crash loop, and a start has lasted after so many seconds.
CRASH_LOOP = 3
LASTING_SECONDS = 60.0


class Restoring:
    """The restore of one start. `notices` are sentences on what is not as the last run left it."""

    def __init__(self, path: Path | None, threads: Threads) -> None:
        """`path` is the file that counts; it exists only after starts that did not last. With None nobody counts."""
        self.notices: tuple[str, ...] = ()
        self._path = path
        self._threads = threads
        self._counting = False

    async def restore(self, saved: Sequence[SavedVersion], registering: Registering, *, wanted: bool) -> bool:
        """Bring the recorded versions back, one after another; returns False when they stay away.

        They do when they are not `wanted`, and when a crash loop keeps them away.
        """
        if not saved:
            return True
        self._counting = self._path is not None
        if not wanted:
            return False
        if self._path and await self._threads.run(_count_start, self._path) >= CRASH_LOOP:
            notice = (
                f"Marina ended unexpectedly {CRASH_LOOP} times in a row soon after its start. The models of the last "
                f"run ({len(saved)}) are left out this once; they stay recorded and come back at the next start."
            )
            self._note(notice)
            return False
        problems = {version.key: await registering.restore(version) for version in saved}
        came_back = [version.key for version in saved if not problems[version.key]]
        for version in saved:
            if problem := problems[version.key]:
                self._note(_missing(version, problem, came_back))
        return True

    def _note(self, notice: str) -> None:
        log.warning("%s", notice)
        self.notices = (*self.notices, notice)

    async def last(self) -> None:
        """Wait until this start has lasted, and note that."""
        await asyncio.sleep(LASTING_SECONDS)
        await self.end_in_order()

    async def end_in_order(self) -> None:
        """Note that this start is no part of a crash loop. Safe to call twice."""
        if self._counting and self._path:
            self._counting = False
            await self._threads.run(_write, self._path, 0)


def _missing(version: SavedVersion, problem: str, came_back: Sequence[Key]) -> str:
    """Say that a version did not come back; the oldest that did answers for the name where the default is missing."""
    name = version.key.name
    notice = (
        f"{name} {version.key.version} was not brought back: {problem.rstrip('.')}. "
        f"It stays recorded until DELETE /models/{name}/{version.key.version}."
    )
    answering = next((key.version for key in came_back if key.name == name), None)
    if not version.is_default or answering is None:
        return notice
    return f"{notice} It is the default version; until it comes back, version {answering} answers for {name}."


def _count_start(path: Path) -> int:
    """Return how many starts before this one did not last, and count this one; after a crash loop it is the first."""
    try:
        before = int(path.read_text())
    except (OSError, ValueError):
        before = 0
    _write(path, 1 if before >= CRASH_LOOP else before + 1)
    return before


def _write(path: Path, count: int) -> None:
    """Write the count in one step; without the file it is 0. A disk that takes no file keeps no start from going on."""
    try:
        if count == 0:
            path.unlink(missing_ok=True)
            return
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(f"{count}\n")
        temporary.replace(path)
    except OSError as error:
        log.warning("Whether this start lasts cannot be noted: %s", error)
