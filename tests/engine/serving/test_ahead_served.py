"""Batches ahead with real worker processes: nobody waits behind a slow request, or dies with another's."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from engine.errors import PredictionError
from tests.support.loops import real_time
from tests.support.versions import Setting, running_version

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(sys.platform != "linux", reason="nothing goes ahead elsewhere"),
]

# Answers with what it is sent; a request for a pipe lasts until somebody has written into it and closed it.
HANDLER = """
    import os, pathlib

    def answer(order):
        if order == "die":
            os.kill(os.getpid(), 9)
        return pathlib.Path(order).read_text() if order.startswith("/") else order

    def handle(data, context):
        return [answer(bytes(row["body"]).decode()) for row in data] if data else None
"""
MANY = [str(number) for number in range(100)]


async def has_quick_workers(setting: Setting, workers: int) -> None:
    await setting.scale(workers)
    await asyncio.gather(*(setting.ask("hello") for _ in range(2 * workers)))


@real_time
async def test_nobody_waits_behind_a_slow_request_while_another_worker_answers(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with running_version(tmp_path, HANDLER, fork=True) as setting, asyncio.timeout(60):
        await has_quick_workers(setting, 2)
        slow = setting.submit(str(gate))
        answers = await asyncio.gather(*(setting.ask(one) for one in MANY))
        assert answers == MANY
        assert not slow.done()
        gate.write_text("at last")
        assert bytes((await slow).body) == b"at last"
        assert setting.queue.snapshot().answered == 4 + len(MANY) + 1


@real_time
async def test_a_request_that_waits_at_a_dying_worker_is_answered_by_another(tmp_path: Path) -> None:
    async with running_version(tmp_path, HANDLER, fork=True) as setting, asyncio.timeout(60):
        await has_quick_workers(setting, 1)
        for _ in range(3):
            deadly = setting.submit("die")
            answers = await asyncio.gather(*(setting.ask(one) for one in MANY[:20]))
            assert answers == MANY[:20]
            with pytest.raises(PredictionError, match="Worker died"):
                await deadly
        assert setting.queue.snapshot().failed == 3


@real_time
async def test_every_request_is_answered_once_by_workers_that_come_and_go(tmp_path: Path) -> None:
    async with running_version(tmp_path, HANDLER, fork=True) as setting, asyncio.timeout(60):
        await has_quick_workers(setting, 3)
        for workers in (1, 3, 2, 4, 1):
            asked = asyncio.gather(*(setting.ask(one) for one in MANY[:90]))
            await setting.scale(workers)
            assert await asked == MANY[:90]
        figures = setting.queue.snapshot()
        assert figures.accepted == figures.answered == 6 + 5 * 90
