"""The pool with real worker processes, spawned and forked, and the real job queue: what only processes can show."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from engine.errors import PredictionError, WorkerStartError
from engine.workers.forking import can_fork
from tests.support.loops import real_time
from tests.support.versions import BARE_PYTHON, Setting, ends, is_gone, running_version

if TYPE_CHECKING:
    from collections.abc import Callable

forking = pytest.mark.skipif(not can_fork(), reason="the fork server needs Linux")

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
        if order == "progress":
            for ten in range(6):
                sys.stderr.write("\\r%3d%%|%-10s|" % (10 * ten, "#" * ten))
                sys.stderr.flush()
        if order == "end progress":
            sys.stderr.write("\\r100%|##########|\\n")
        if order == "threads":
            return os.environ["OMP_NUM_THREADS"]
        if order == "leave":
            sys.stderr.write("last words\\n"), os._exit(3)
        return os.getpid()
"""


@pytest.fixture(autouse=True, params=["spawn", pytest.param("fork", marks=forking)])
def start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have `a_version` start its workers this way."""
    monkeypatch.setattr(sys.modules[__name__], "START", request.param)
    return str(request.param)


START = "spawn"


def a_version(folder: Path, python: str = BARE_PYTHON) -> AbstractAsyncContextManager[Setting]:
    return running_version(folder, HANDLER, python, fork=START == "fork")


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` is true of what arrives through a pipe, which causes no event of the worker."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0)


@real_time
async def test_a_progress_bar_is_seen_while_it_moves(tmp_path: Path) -> None:
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        before = len(setting.pool._plan.log.since(0).lines)
        await setting.ask("progress")
        await eventually(lambda: [line.text for line in setting.worker.unfinished_lines()] == [" 50%|#####     |"])
        await setting.ask("end progress")
        await eventually(lambda: not setting.worker.unfinished_lines())
        assert [line.text for line in setting.pool._plan.log.since(0).lines[before:]] == ["100%|##########|"]


@real_time
async def test_running_workers_are_told_their_share_of_the_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        assert await setting.ask("threads") == "6"
        first = setting.worker.snapshot().pid
        await setting.scale(2)
        assert [await setting.ask("threads"), await setting.ask("threads")] == ["3", "3"]
        await setting.scale(1)
        assert await setting.ask("threads") == "6"
        assert setting.worker.snapshot().pid == first


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
        snapshot = setting.worker.snapshot()
        assert snapshot.last_death == "exited with code 3, 1 request failed"
        assert snapshot.traceback == "oh\\x1b no\nlast words\n\nStandard output ended with:\nhello"


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
                await setting.launcher.close()
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
