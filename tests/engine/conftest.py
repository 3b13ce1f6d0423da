"""Nothing of the engine may outlive its test: no task, thread, process or socket."""

from __future__ import annotations

import asyncio
import asyncio.runners
import gc
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 5.0


def open_sockets() -> set[str]:
    """Return the sockets that this process holds, by descriptor and inode; none where /proc is missing."""
    folder = Path("/proc/self/fd")
    found = set()
    for entry in folder.iterdir() if folder.exists() else ():
        try:
            target = str(entry.readlink())
        except OSError:
            continue  # the descriptor of the listing itself
        if target.startswith("socket:"):
            found.add(f"{entry.name} {target}")
    return found


def children() -> set[str]:
    """Return every process below this one, zombies included."""
    return {f"{child.pid} {child.name()}" for child in psutil.Process().children(recursive=True)}


def threads() -> set[str]:
    return {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}


def everything() -> set[str]:
    kinds = {"thread": threads(), "process": children(), "socket": open_sockets()}
    return {f"{kind} {one}" for kind, found in kinds.items() for one in found}


@pytest.fixture(autouse=True)
def nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a task, thread, process or socket behind."""
    tasks: list[str] = []
    cancel_all_tasks = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def note_and_cancel(loop: asyncio.AbstractEventLoop) -> None:
        tasks.extend(f"task {task.get_name()}" for task in asyncio.all_tasks(loop))
        cancel_all_tasks(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", note_and_cancel)
    before = everything()
    yield
    left = everything() - before
    deadline = time.monotonic() + PATIENCE
    # The thread in which asyncio waits for a process ends a moment after it has told of the exit.
    while left and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
        left = everything() - before
    if left or tasks:
        pytest.fail(f"left behind: {sorted(left) + tasks}")
