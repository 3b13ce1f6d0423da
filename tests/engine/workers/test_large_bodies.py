"""Large bodies to and from real worker processes, through the memory that they share with the engine."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.errors import PredictionError
from engine.memory_account import Account
from engine.runtime.shared_memory import LEAST, STEP
from engine.workers import channel
from engine.workers.forking import can_fork
from engine.workers.shared_memory import LentMemory, make_memory
from tests.support.loops import real_time
from tests.support.versions import BARE_PYTHON, Setting, ends, running_version

forking = pytest.mark.skipif(not can_fork(), reason="the fork server needs Linux")

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(sys.platform != "linux", reason="the memory needs Linux"),
]

SIZES = (10_000_000, 1_000_000, 12_345_678, 100, 20_000_000, LEAST, 10_000_000)
ECHO = """
    import os, signal

    def handle(data, context):
        if data is None:
            return None
        if data[0]["body"].endswith(b"die"):
            os.kill(os.getpid(), signal.SIGKILL)
        return [row["body"] for row in data]
"""
ASYNCHRONOUS = """
    async def handle(data, context):
        return None if data is None else [row["body"] for row in data]
"""
# Tells of one byte more, or fewer, than it lays.
LIAR = """
    def handle(data, context):
        if data is None:
            return None
        channel = context.cl_socket._channel
        lay = channel.memory.lay
        channel.memory.lay = lambda body, length: lay(body, length) + {more}
        return [row["body"] for row in data]
"""


def a_version(folder: Path, source: str = ECHO, **changes: Any) -> AbstractAsyncContextManager[Setting]:
    return running_version(folder, source, fork=False, max_response_size=30_000_000, **changes)


async def echoes(setting: Setting, *sizes: int) -> None:
    """Send bodies of these sizes at once and compare what comes back."""
    bodies = [os.urandom(size) for size in sizes]
    answers = await asyncio.gather(*(setting.submit(body) for body in bodies))
    assert [answer.body for answer in answers] == bodies


def shares(setting: Setting) -> bool:
    """Whether the engine has memory in common with the oldest worker."""
    used = setting.worker._channel
    return used is not None and used._memory is not None


async def echoes_every_size(folder: Path, *, fork: bool) -> None:
    async with running_version(folder, ECHO, BARE_PYTHON, fork=fork, max_response_size=30_000_000) as setting:
        await setting.scale(1)
        assert shares(setting)
        for size in SIZES:
            await echoes(setting, size)
        assert setting.worker.snapshot().restarts == 0


@pytest.mark.parametrize("fork", [False, pytest.param(True, marks=forking)])
@real_time
async def test_bodies_of_every_size_come_back_as_they_were(tmp_path: Path, fork: bool) -> None:  # noqa: FBT001 - a case
    await echoes_every_size(tmp_path, fork=fork)


def test_bodies_of_every_size_come_back_on_uvloop_too(tmp_path: Path) -> None:
    import uvloop  # noqa: PLC0415 - not on every platform

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(echoes_every_size(tmp_path, fork=False))


@real_time
async def test_an_asynchronous_worker_has_several_large_bodies_at_a_time(tmp_path: Path) -> None:
    async with a_version(tmp_path, ASYNCHRONOUS, asynchronous=True) as setting:
        await setting.scale(1)
        for _ in range(3):
            await echoes(setting, STEP, 2 * STEP, 10, 3 * STEP)
        assert shares(setting)


@real_time
async def test_a_worker_that_cannot_open_the_memory_serves_over_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def somewhere_else(answers: Account | None = None) -> LentMemory | None:
        memory = make_memory(answers)
        if memory is not None:
            memory.path = "/proc/self/fd/99999"
        return memory

    monkeypatch.setattr(channel, "make_memory", somewhere_else)
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        assert not shares(setting)
        await echoes(setting, 1_000_000)


@real_time
async def test_an_engine_without_memory_to_share_serves_over_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "make_memory", lambda _: None)
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        await echoes(setting, 1_000_000)


@real_time
async def test_a_worker_that_dies_of_a_large_body_comes_back_with_memory_of_its_own(tmp_path: Path) -> None:
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        await echoes(setting, 1_000_000)
        before = psutil.Process().num_fds()
        for restarts in (1, 2):
            with pytest.raises(PredictionError, match=r"Worker died\."):
                await setting.submit(bytes(2_000_000) + b"die")
            await setting.until(lambda: setting.worker.snapshot().state == "ready")
            assert setting.worker.snapshot().restarts == restarts
            assert shares(setting)
            await echoes(setting, 1_000_000)
        assert psutil.Process().num_fds() == before


@pytest.mark.parametrize("more", [1, -1, 40_000_000])
@real_time
async def test_a_worker_that_lies_about_the_length_of_its_answer_is_broken(tmp_path: Path, more: int) -> None:
    async with a_version(tmp_path, LIAR.format(more=more)) as setting:
        await setting.scale(1)
        with pytest.raises(PredictionError, match=r"Worker died\."):
            await setting.submit(bytes(1_000_000))
        await setting.until(lambda: setting.worker.snapshot().state == "backing off")
        cause = setting.worker.snapshot().last_death
        assert cause is not None
        assert "the worker sent what is no answer" in cause


@real_time
async def test_workers_that_have_gone_leave_no_descriptor(tmp_path: Path) -> None:
    async with a_version(tmp_path) as setting:
        await setting.scale(1)
        await setting.scale(0)
        before = psutil.Process().num_fds()
        await setting.scale(2)
        await echoes(setting, 1_000_000, 2_000_000)
        pids = [worker.snapshot().pid for worker in setting.pool.workers.values()]
        await setting.scale(0)
        for pid in pids:
            assert pid is not None
            await ends(pid)
        assert psutil.Process().num_fds() == before
