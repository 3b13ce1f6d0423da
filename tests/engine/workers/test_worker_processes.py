"""The pool with real worker processes and the real job queue: what only processes can show."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from engine.errors import PredictionError, WorkerStartError
from engine.registry.records import Target
from engine.serving.jobs import Input, Job, Reply
from engine.serving.queue import JobQueue
from engine.workers.environment import worker_environment
from engine.workers.launcher import LaunchSpec, SpawnLauncher, worker_python
from engine.workers.lifecycle import Limits
from engine.workers.pool import Pool
from engine.workers.worker import WorkerPlan
from tests.support.loops import real_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from engine.workers.worker import Worker

pytestmark = pytest.mark.end_to_end

# Answers its own id; obeys "sleep", "child" (in its session), "orphan" (in a session of its own) and "print".
HANDLER = """
    import os, subprocess, sys, time

    def handle(data, context):
        return [str(obey(bytes(row["body"]).decode())) for row in data] if data else None

    def obey(order):
        if order == "sleep":
            time.sleep(60)
        if order in ("child", "orphan"):
            return subprocess.Popen(["sleep", "60"], start_new_session=order == "orphan").pid
        if order == "print":
            print("hello"), sys.stderr.write("oh\\x1b no\\n")
        if order == "leave":
            sys.stderr.write("last words\\n"), os._exit(3)
        return os.getpid()
"""


class Setting:
    """One version's pool and queue."""

    def __init__(self, folder: Path, python: str = "") -> None:
        (folder / "h.py").write_text(textwrap.dedent(HANDLER))
        environment = worker_environment(os.environ, None, decode_input=False)
        load = {
            "model_name": "net", "model_dir": str(folder), "handler": "h.py", "batch_size": 1, "gpu_id": None,
            "envelope": None, "limit_max_image_pixels": True, "decode_input": False, "model_config": {},
            "config_file": "", "server_version": "0.1", "max_response_size": 1_000_000,
        }  # fmt: skip
        plan = WorkerPlan(
            name="net 1.0",
            launch=LaunchSpec(python or worker_python(), folder, environment),
            load=load,
            limits=Limits(60, 300),
            response_timeout=60,
            max_response_size=1_000_000,
        )
        self.queue = JobQueue(1, 0, 100)
        self.pool = Pool(plan, SpawnLauncher(), self.queue, itertools.count(9000), self._changed)
        self._change = asyncio.Event()

    def _changed(self) -> None:
        self.queue.expect(self.pool.hopeful)
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

    def submit(self, order: str) -> asyncio.Future[Reply]:
        """Queue a request whose answer is for later."""
        job = Job("id", {}, [Input("body", "", order.encode())])
        self.queue.submit(job)
        return job.future

    async def ask(self, order: str) -> str:
        """Return the answer to a request."""
        return bytes((await self.submit(order)).body).decode()


@contextlib.asynccontextmanager
async def a_version(folder: Path, python: str = "") -> AsyncIterator[Setting]:
    setting = Setting(folder, python)
    try:
        yield setting
    finally:
        await setting.pool.close(5)


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


@real_time
async def test_a_killed_worker_fails_only_its_own_batch_and_comes_back(tmp_path: Path) -> None:
    async with a_version(tmp_path) as setting:
        await setting.scale(2)
        sleeping = setting.submit("sleep")
        worker = next(worker for worker in setting.pool.workers.values() if worker.busy)
        pid = worker.snapshot().pid
        assert pid is not None
        other = int(await setting.ask("pid"))
        assert other != pid
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(PredictionError, match=r"Worker died\."):
            await sleeping
        assert int(await setting.ask("pid")) == other
        assert worker.snapshot().last_death == "killed by SIGKILL, 1 request failed"
        await setting.until(lambda: worker.snapshot().state == "ready")
        assert worker.snapshot().restarts == 1


@real_time
async def test_what_a_worker_prints_is_kept_line_by_line(tmp_path: Path) -> None:
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        await setting.ask("print")
        with pytest.raises(PredictionError):
            await setting.ask("leave")
        await setting.until(lambda: setting.worker.snapshot().state == "backing off")
        assert {"hello", "oh\\x1b no", "last words"} <= set(setting.worker.lines)
        snapshot = setting.worker.snapshot()
        assert snapshot.last_death == "exited with code 3, 1 request failed"
        assert "last words" in snapshot.traceback


@real_time
async def test_what_a_worker_started_ends_with_it(tmp_path: Path) -> None:
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        child = int(await setting.ask("child"))
        assert not is_gone(child)
        await setting.scale(0)
        await setting.pool.close(5)
        await ends(child)


@real_time
async def test_a_child_that_holds_the_pipes_does_not_hide_a_crash(tmp_path: Path) -> None:
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        child = int(await setting.ask("child"))
        with pytest.raises(PredictionError):
            await setting.ask("leave")
        await setting.until(lambda: setting.worker.snapshot().state == "backing off")
        assert setting.worker.snapshot().last_death == "exited with code 3, 1 request failed"
        await ends(child)


@real_time
async def test_an_orphan_that_holds_the_pipes_does_not_keep_the_pool_open(tmp_path: Path) -> None:
    descriptors = psutil.Process().num_fds()
    orphan = 0
    try:
        async with a_version(tmp_path) as setting:
            await setting.scale(1)
            orphan = int(await setting.ask("orphan"))
            async with asyncio.timeout(10):
                await setting.pool.close(5)
            assert not is_gone(orphan)
        await asyncio.sleep(0)
        assert psutil.Process().num_fds() <= descriptors
    finally:
        if orphan:
            os.kill(orphan, signal.SIGKILL)


@real_time
async def test_starting_and_stopping_leaves_no_descriptor(tmp_path: Path) -> None:
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        await setting.scale(0)
        descriptors = psutil.Process().num_fds()
        await setting.scale(1)
        await setting.scale(0)
        assert psutil.Process().num_fds() <= descriptors


@real_time
async def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    descriptors = psutil.Process().num_fds()
    async with a_version(tmp_path, python="/no/such/python") as setting:
        with pytest.raises(WorkerStartError, match="cannot start /no/such/python: No such file or directory"):
            await setting.scale(1)
    assert psutil.Process().num_fds() <= descriptors


@real_time
async def test_a_program_that_is_no_worker_is_an_exit(tmp_path: Path) -> None:
    async with a_version(tmp_path, python="/bin/true") as setting:
        with pytest.raises(WorkerStartError) as failure:
            await setting.scale(1)
        assert failure.value.cause == "exited with code 0"


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop has no Windows version")
def test_workers_run_on_uvloop_too(tmp_path: Path) -> None:
    import uvloop  # noqa: PLC0415 - not on every platform

    async def scenario() -> None:
        async with a_version(tmp_path) as setting:
            await setting.scale(1)
            pid = setting.worker.snapshot().pid
            assert await setting.ask("pid") == str(pid)
            await setting.ask("child")
            with pytest.raises(PredictionError):
                await setting.ask("leave")
            await setting.until(lambda: setting.worker.snapshot().state == "backing off")
            assert setting.worker.snapshot().last_death == "exited with code 3, 1 request failed"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
