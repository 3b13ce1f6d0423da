"""The fork server with real processes: what it shares, what it leaves to a spawn, and what becomes of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from engine.errors import PredictionError
from engine.workers.forking import ForkedProcess, ForkLauncher, can_fork
from engine.workers.launcher import SpawnedProcess
from tests.support.loops import real_time
from tests.support.versions import Setting, ends, running_version

pytestmark = [pytest.mark.end_to_end, pytest.mark.skipif(not can_fork(), reason="the fork server needs Linux")]

# Evaluates what it is asked, in its own process.
HANDLER = """
    import json, os, sys, threading

    def handle(data, context):
        return [json.dumps(eval(bytes(row["body"]))) for row in data] if data else None
"""


def server_pid(setting: Setting) -> int:
    launcher = setting.launcher
    assert isinstance(launcher, ForkLauncher)
    assert launcher._server is not None
    assert launcher._server._process is not None
    return launcher._server._process.pid


def parent_of(setting: Setting, number: int = 0) -> int:
    worker = list(setting.pool.workers.values())[number]
    return psutil.Process(worker.snapshot().pid).ppid()


@real_time
async def test_workers_are_children_of_a_server_with_one_thread(tmp_path: Path) -> None:
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(2)
        server = psutil.Process(server_pid(setting))
        assert {parent_of(setting, 0), parent_of(setting, 1)} == {server.pid}
        assert server.num_threads() == 1
    assert not server.is_running()


@real_time
async def test_a_worker_has_a_session_a_folder_and_an_environment_of_its_own(tmp_path: Path) -> None:
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        pid = str(setting.worker.snapshot().pid)
        assert await setting.ask("os.getsid(0)") == pid
        assert await setting.ask("os.getcwd()") == f'"{tmp_path}"'
        assert await setting.ask("os.environ['TS_DECODE_INPUT_REQUEST']") == '"false"'
        assert await setting.ask("os.environ.get('OPENBLAS_NUM_THREADS')") == "null", "the server's own affair"


@real_time
async def test_a_worker_holds_no_descriptor_of_the_server_or_its_siblings(tmp_path: Path) -> None:
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(3)
        workers = [psutil.Process(worker.snapshot().pid) for worker in setting.pool.workers.values()]
        assert len({worker.num_fds() for worker in workers}) == 1
        assert workers[0].num_fds() == 7, "its channel, claims of batches, the shared memory and the standard streams"


@real_time
async def test_a_killed_server_costs_no_worker_and_the_next_one_starts_another(tmp_path: Path) -> None:
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        first = server_pid(setting)
        pid = setting.worker.snapshot().pid
        os.kill(first, signal.SIGKILL)
        await ends(first)
        assert await setting.ask("os.getpid()") == str(pid)
        await setting.scale(2)
        assert parent_of(setting, 1) == server_pid(setting) != first


@real_time
async def test_an_orphan_that_dies_is_noticed(tmp_path: Path) -> None:
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        first = server_pid(setting)
        os.kill(first, signal.SIGKILL)
        await ends(first)
        with pytest.raises(PredictionError, match=r"Worker died\."):
            await setting.ask("os._exit(3)")
        await setting.until(lambda: setting.worker.snapshot().state == "ready")
        assert setting.worker.snapshot().last_death == "ended, how is not known, 1 request failed"


@real_time
async def test_a_server_whose_engine_is_gone_ends_workers_that_do_not_leave(tmp_path: Path) -> None:
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        launcher = setting.launcher
        assert isinstance(launcher, ForkLauncher)
        assert launcher._server is not None
        first = server_pid(setting)
        launcher._server._hang_up()
        with pytest.raises(PredictionError, match=r"Worker died\."):
            await setting.ask("__import__('time').sleep(60)")
        await ends(first)


@real_time
async def test_an_archive_with_a_module_that_is_imported_already_is_spawned(tmp_path: Path) -> None:
    (tmp_path / "ctypes.py").write_text("WHOSE = 'mine'")
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        assert isinstance(setting.worker._process, SpawnedProcess)
        assert await setting.ask("__import__('ctypes').WHOSE") == '"mine"'


@real_time
async def test_a_file_that_is_no_module_is_no_reason_to_spawn(tmp_path: Path) -> None:
    (tmp_path / "ctypes.json").write_text("{}")
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        assert isinstance(setting.worker._process, ForkedProcess)


@real_time
async def test_a_server_that_cannot_be_started_leaves_its_workers_to_a_spawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.workers.forking.RUNTIME", tmp_path / "nothing.py")
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        assert isinstance(setting.worker._process, SpawnedProcess)
