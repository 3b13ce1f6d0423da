"""The worker's ends of the pipes that say which batches, sent while it was busy, are still its own.

`engine/workers/claims.py` has the other ends. Used on the thread that reads frames.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .frames import CLAIM

if TYPE_CHECKING:
    from collections.abc import Sequence


class Claims:
    """Tells whether a batch may be begun. Each is asked for once, in the order in which they came."""

    def __init__(self, places: Sequence[Sequence[str]]) -> None:
        """Open the pipes, each a path and its name; raises OSError when this process may not."""
        self._pipes = [os.open(path, os.O_RDONLY | os.O_NONBLOCK) for path, _ in places]
        self._claimed = [0 for _ in places]

    def take(self, pipe: int, batch: int) -> bool:
        """Claim `batch`, whose number is in that pipe; False when the engine has taken it back."""
        claimed = self._claimed[pipe] or self._read(pipe)
        # A number that was read may be of a later batch, while this one had been taken back.
        self._claimed[pipe] = 0 if claimed == batch else claimed
        return claimed == batch

    def _read(self, pipe: int) -> int:
        try:
            number = os.read(self._pipes[pipe], CLAIM.size)
        except BlockingIOError:
            return 0
        # Nothing at all: the engine has gone, and nobody waits for the answer.
        return int(CLAIM.unpack(number)[0]) if number else 0


def open_claims(places: Sequence[Sequence[str]] | None) -> Claims | None:
    """Return the ends of the pipes at `places`; None when there are none, or this process may not open them."""
    if places is None:
        return None
    try:
        # Among other processes, as in a container, a path may lead to a pipe of anybody's.
        if any(str(Path(path).readlink()) != name for path, name in places):
            return None
        return Claims(places)
    except OSError:
        return None
