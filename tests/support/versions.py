"""One version's pool of real worker processes and its real job queue, without an engine around them."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from engine.registry.records import Target
from engine.serving.concurrent import ConcurrentQueue
from engine.serving.jobs import Input, Job, Reply
from engine.serving.queue import JobQueue
from engine.workers.environment import worker_environment
from engine.workers.forking import ForkLauncher
from engine.workers.launcher import Launcher, LaunchSpec, SpawnLauncher
from engine.workers.lifecycle import Limits
from engine.workers.log import WorkerLog
from engine.workers.pool import Pool
from engine.workers.worker import Worker, WorkerPlan

# The interpreter without packages, which the fork server has imported in no time.
BARE_PYTHON = str(getattr(sys, "_base_executable", sys.executable))


class Setting:
    """One version's pool and queue."""

    def __init__(self, folder: Path, source: str, python: str, *, fork: bool, **changes: Any) -> None:
        """`changes` are fields of LOAD."""
        (folder / "h.py").write_text(textwrap.dedent(source))
        environment = worker_environment(os.environ, None, decode_input=False)
        load: dict[str, Any] = {
            "model_name": "net", "model_dir": str(folder), "handler": "h.py", "batch_size": 1, "gpu_id": None,
            "envelope": None, "limit_max_image_pixels": True, "decode_input": False, "model_config": {},
            "config_file": "", "server_version": "0.1", "max_response_size": 1_000_000,
            "continuous": False, "asynchronous": False, **changes,
        }  # fmt: skip
        plan = WorkerPlan(
            name="net 1.0",
            launch=LaunchSpec(python, folder, environment),
            load=load,
            limits=Limits(60, 300),
            response_timeout=60,
            max_response_size=load["max_response_size"],
            log=WorkerLog("net", "1.0"),
        )
        self.queue = ConcurrentQueue(100) if load["asynchronous"] else JobQueue(1, 0, 100)
        self.launcher: Launcher = ForkLauncher(BARE_PYTHON, environment) if fork else SpawnLauncher()
        self.pool = Pool(plan, self.launcher, self.queue, itertools.count(9000), self._changed)
        self._change = asyncio.Event()

    def _changed(self) -> None:
        self.queue.expect(*self.pool.outlook())
        self._change.set()

    @property
    def worker(self) -> Worker:
        """The oldest worker."""
        return next(iter(self.pool.workers.values()))

    async def scale(self, target: int) -> None:
        await self.pool.settled(self.pool.set_target(Target(target, target)))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the change of a worker that makes `condition` true."""
        async with asyncio.timeout(30):
            while not condition():
                self._change.clear()
                await self._change.wait()

    def submit(self, order: str | bytes) -> asyncio.Future[Reply]:
        """Queue a request whose answer is for later."""
        job = Job("id", {}, [Input("body", "", order.encode() if isinstance(order, str) else order)])
        self.queue.submit(job)
        return job.future

    async def ask(self, order: str) -> str:
        """Return the answer to a request."""
        return bytes((await self.submit(order)).body).decode()


@asynccontextmanager
async def running_version(
    folder: Path, source: str, python: str = BARE_PYTHON, *, fork: bool, **changes: Any
) -> AsyncIterator[Setting]:
    """Run the handler `source` for as long as the block lasts; workers are forked from `BARE_PYTHON`, or spawned.

    `changes` are fields of LOAD.
    """
    setting = Setting(folder, source, python, fork=fork, **changes)
    try:
        yield setting
    finally:
        await setting.pool.close(5)
        await setting.launcher.close()


def is_gone(pid: int) -> bool:
    """Whether the process has ended; one that init has not waited for yet counts as ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def ends(pid: int) -> None:
    """Wait until a process that is being killed has ended: a moment, which the kernel tells nobody but its parent."""
    async with asyncio.timeout(5):
        while not is_gone(pid):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
