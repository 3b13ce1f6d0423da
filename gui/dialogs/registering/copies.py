"""The copies that one dialog put into the model store, of which those that came to nothing go again. The GUI thread."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from engine.errors import MarinaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.snapshots import Progress
    from gui.face import EngineFace

log = logging.getLogger(__name__)


class Copies:
    """Remembers what was not in the store before."""

    def __init__(self, engine: EngineFace) -> None:
        self._engine = engine
        self._new: set[str] = set()

    async def add(self, path: Path, progress: Callable[[Progress], None]) -> str:
        """Copy an archive into the store; returns its name there, or that of the same archive in it."""
        before = await self._engine.stored_archives()
        name = await self._engine.add_to_store(path, progress)
        if name not in before:
            self._new.add(name)
        return name

    async def discard(self, *, but: str = "") -> None:
        """Take out of the store again what was copied and is not used, except one; what is used stays."""
        for name in self._new - {but}:
            try:
                await self._engine.discard_from_store(name)
            except (MarinaError, OSError) as error:
                log.info("%s stays in the model store: %s", name, error)
        self._new.clear()
