"""A plugin for runs of several processes (`pytest -n 2`): a test marked `alone` runs while no other does.

Between the processes, two locked files: who runs a test is in the room, alone or together with others, and who waits to
be alone shuts the door meanwhile.
"""

from __future__ import annotations

import fcntl
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for the test's turn before its time begins to count."""
    assert item.config.cache is not None
    folder = item.config.cache.mkdir("turns")
    alone = item.get_closest_marker("alone") is not None
    with ExitStack() as room:
        with _locked(folder / "door", fcntl.LOCK_EX):
            room.enter_context(_locked(folder / "room", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        return (yield)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, how)
        try:
            yield
        finally:
            # Closing would not do it while a process that the test forked holds the file too.
            fcntl.flock(file, fcntl.LOCK_UN)
