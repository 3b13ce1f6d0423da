"""Blocking work in threads: results, errors, progress on the loop, and cancelling."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable

import pytest

from engine.threads import Threads


def test_work_runs_in_a_named_thread_and_gives_its_result() -> None:
    async def main() -> str:
        threads = Threads("marina-test", 1)
        try:
            return await threads.run(lambda: threading.current_thread().name)
        finally:
            threads.close()

    assert asyncio.run(main()) == "marina-test_0"


def test_an_error_reaches_the_caller() -> None:
    async def main() -> None:
        threads = Threads("marina-test", 1)
        try:
            with pytest.raises(ZeroDivisionError):
                await threads.run(divmod, 1, 0)
        finally:
            threads.close()

    asyncio.run(main())


def test_progress_arrives_on_the_loop_in_order() -> None:
    seen: list[tuple[int, int]] = []

    def work(report: Callable[[int], None], cancel: threading.Event) -> str:
        for step in range(3):
            report(step)
        return "cancelled" if cancel.is_set() else "done"

    async def main() -> str:
        threads = Threads("marina-test", 1)
        try:
            result = await threads.run_cancellable(work, lambda step: seen.append((step, threading.get_ident())))
            await asyncio.sleep(0)
            return result
        finally:
            threads.close()

    assert asyncio.run(main()) == "done"
    assert seen == [(step, threading.get_ident()) for step in range(3)]


def test_cancelling_tells_the_work_and_ends_only_with_it() -> None:
    stages: list[str] = []
    running = threading.Event()

    def work(_report: Callable[[int], None], cancel: threading.Event) -> None:
        running.set()
        assert cancel.wait(20)
        stages.append("tidied")

    async def main() -> None:
        threads = Threads("marina-test", 2)
        task = asyncio.get_running_loop().create_task(threads.run_cancellable(work, None))
        await threads.run(running.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stages.append("cancelled")
        threads.close()

    asyncio.run(main())
    assert stages == ["tidied", "cancelled"]


def test_work_that_fails_upon_cancelling_leaves_a_cancelled_caller(caplog: pytest.LogCaptureFixture) -> None:
    running = threading.Event()

    def work(_report: Callable[[int], None], cancel: threading.Event) -> None:
        running.set()
        cancel.wait(20)
        raise OSError("stopped half way")

    async def main() -> None:
        threads = Threads("marina-test", 2)
        task = asyncio.get_running_loop().create_task(threads.run_cancellable(work, None))
        await threads.run(running.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        threads.close()

    asyncio.run(main())
    gc.collect()
    assert caplog.text == ""
