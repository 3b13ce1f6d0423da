"""The fork server with real processes: what it shares, what it leaves to a spawn, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psutil
import pytest

from engine.errors import PredictionError
from engine.snapshots import WorkerState
from engine.workers.forked_process import ForkedProcess
from engine.workers.forking import ForkLauncher, can_fork
from engine.workers.launcher import LaunchSpec, SpawnedProcess
from tests.support.loops import real_time
from tests.support.versions import Setting, ends, running_version

if TYPE_CHECKING:
    from engine.workers.channel import Channel

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


# A fork server whose child has ended before its birth is reported.
HASTY = """
import json, os, socket, sys

control = socket.socket(fileno=int(sys.argv[sys.argv.index("--channel-fd") + 1]))
control.send(json.dumps({"ready": []}).encode())
_, descriptors, _, _ = socket.recv_fds(control, 262144, 3)
pid = os.fork()
if pid == 0:
    os._exit(3)
pidfd = os.pidfd_open(pid)
os.waitpid(pid, 0)
for descriptor in descriptors:
    os.close(descriptor)
socket.send_fds(control, [json.dumps({"pid": pid}).encode()], [pidfd])
control.send(json.dumps({"exited": pid, "code": 3}).encode())
control.recv(1)
"""


@real_time
async def test_a_death_that_arrives_together_with_the_birth_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hasty.py").write_text(HASTY)
    monkeypatch.setattr("engine.workers.forking.RUNTIME", tmp_path / "hasty.py")
    launcher = ForkLauncher(sys.executable, {"PATH": "/bin"})
    channel = asyncio.Protocol()
    process = await launcher.launch(
        LaunchSpec(sys.executable, tmp_path, {"PATH": "/bin"}), cast("Channel", channel), lambda *_: None
    )
    assert await asyncio.wait_for(process.wait(), 10) == 3
    process.kill()
    await launcher.close()


@real_time
async def test_a_server_that_stands_still_is_killed_and_its_worker_spawned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("engine.workers.forking.FORK_LIMIT", 0.3)
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        first, pid = server_pid(setting), setting.worker.snapshot().pid
        os.kill(first, signal.SIGSTOP)
        await setting.scale(2)
        assert isinstance(list(setting.pool.workers.values())[1]._process, SpawnedProcess)
        await ends(first)
        assert setting.worker.snapshot().pid == pid, "the workers that it forked go on"
        await setting.scale(3)
        assert parent_of(setting, 2) == server_pid(setting) != first
    assert f"The fork server (process {first}) is killed: it did not fork a worker within 0.3 s" in caplog.text


@real_time
async def test_the_death_of_a_worker_is_seen_while_the_server_stands_still(tmp_path: Path) -> None:
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        first, pid = server_pid(setting), setting.worker.snapshot().pid
        assert pid is not None
        try:
            os.kill(first, signal.SIGSTOP)
            os.kill(pid, signal.SIGKILL)
            await setting.until(lambda: setting.worker.state is not WorkerState.READY)
        finally:
            os.kill(first, signal.SIGCONT)
        await setting.until(lambda: setting.worker.state is WorkerState.READY)


@real_time
async def test_marina_ends_though_the_server_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.workers.forking.END_LIMIT", 0.3)
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        first = server_pid(setting)
        os.kill(first, signal.SIGSTOP)
    await ends(first)


def module_that_starts_a_thread(folder: Path, name: str) -> None:
    """Put a module into `folder` that starts a thread when it is imported, as native libraries do."""
    folder.mkdir()
    (folder / f"{name}.py").write_text("import _thread, time; _thread.start_new_thread(time.sleep, (3600,))")


@real_time
async def test_a_module_that_starts_threads_is_left_to_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module_that_starts_a_thread(tmp_path / "modules", "numpy")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(1)
        server = psutil.Process(server_pid(setting))
        assert parent_of(setting) == server.pid, "the others are still forked"
        assert server.num_threads() == 1
        assert await setting.ask("'numpy' in sys.modules") == "false"
    assert "numpy starts threads when it is imported, so each worker imports it by itself" in caplog.text


@real_time
async def test_a_python_that_starts_threads_by_itself_has_its_workers_spawned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module_that_starts_a_thread(tmp_path / "modules", "sitecustomize")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    async with running_version(tmp_path, HANDLER, fork=True) as setting:
        await setting.scale(2)
        assert all(isinstance(worker._process, SpawnedProcess) for worker in setting.pool.workers.values())
    assert caplog.text.count("No worker is forked") == 1, "one look at this Python is enough"
