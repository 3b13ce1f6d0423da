"""Programs run to their end: exit code, lines, and what is left when nobody wants them any more."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from engine.environments.processes import run_process
from engine.tasks import TaskGroup

pytestmark = pytest.mark.end_to_end

# Prints the id of a child that would stay for a minute, and waits for it.
PARENT = "import subprocess as s; c = s.Popen(['sleep', '60']); print(c.pid, flush=True); c.wait()"


def is_gone(pid: int) -> bool:
    """Whether the process has ended; one that init has not waited for yet counts as ended."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def ends(pid: int) -> None:
    """Wait until a process that was killed has ended: a moment, which the kernel tells nobody but its parent."""
    async with asyncio.timeout(5):
        while not is_gone(pid):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


def test_lines_and_exit_code_arrive(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []
    code = "import os, sys; print(os.getcwd()); print(os.environ['X'], file=sys.stderr); sys.exit(3)"

    returned = asyncio.run(
        run_process([sys.executable, "-c", code], tmp_path, {"X": "y"}, lambda *line: lines.append(line))
    )

    assert returned == 3
    assert sorted(lines) == [("stderr", "y"), ("stdout", str(tmp_path.resolve()))]


def test_cancelling_ends_the_children_too(tmp_path: Path) -> None:
    async def main() -> None:
        printed = asyncio.get_running_loop().create_future()
        running = TaskGroup().start(
            run_process([sys.executable, "-c", PARENT], tmp_path, os.environ, lambda _, line: printed.set_result(line)),
            "parent",
        )
        child = int(await printed)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        await ends(child)

    asyncio.run(main())
