"""Programs that Marina runs to their end, and ends when it no longer wants them. On the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from engine.workers.launcher import SpawnedProcess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from engine.workers.launcher import Output


class Run(Protocol):
    """A way of running programs."""

    async def __call__(self, command: Sequence[str], folder: Path, variables: Mapping[str, str], output: Output) -> int:
        """Run `command` in `folder` with `variables` as its whole environment, and return its exit code.

        `output` takes the lines that it prints. Raises OSError when it cannot be started.
        """


async def run_process(command: Sequence[str], folder: Path, variables: Mapping[str, str], output: Output) -> int:
    """Run a process to its end; cancelling kills it with every process in its session, and waits until they are gone.

    Raises OSError when it cannot be started.
    """
    _, process = await asyncio.get_running_loop().subprocess_exec(
        lambda: SpawnedProcess(output),
        *command,
        cwd=folder,
        env=dict(variables),
        start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        return await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
