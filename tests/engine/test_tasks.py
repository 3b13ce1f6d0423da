"""Tasks are named, kept, told of when they fail, and ended by their owner."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import Counter

import pytest

from engine.tasks import TaskGroup
from tests.support.loops import now, virtual_time


async def fail() -> None:
    raise ValueError("as asked")


def test_a_failing_task_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        group = TaskGroup()
        group.start(fail(), "the mission")
        await group.join()

    asyncio.run(main())
    assert "Task the mission failed" in caplog.text
    assert "as asked" in caplog.text


def test_an_owner_may_be_told_instead(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, str]] = []

    async def main() -> None:
        group = TaskGroup(lambda name, error: told.append((name, str(error))))
        group.start(fail(), "the mission")
        await group.join()

    asyncio.run(main())
    assert told == [("the mission", "as asked")]
    assert caplog.text == ""


def test_a_task_gives_its_result_and_has_its_name() -> None:
    async def main() -> tuple[str, int]:
        group = TaskGroup()
        task = group.start(asyncio.sleep(0, 7), "seven")
        return task.get_name(), await task

    assert asyncio.run(main()) == ("seven", 7)


def test_closing_cancels_what_runs_and_waits_for_its_end() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("end")

    async def main() -> None:
        group = TaskGroup()
        group.start(work(), "work")
        await asyncio.sleep(0)
        await group.aclose()
        await group.aclose()

    asyncio.run(main())
    assert ended == ["end"]


def test_joining_also_waits_for_tasks_that_tasks_start() -> None:
    done: list[str] = []

    async def main() -> None:
        group = TaskGroup()

        async def second() -> None:
            await asyncio.sleep(0)
            done.append("second")

        async def first() -> None:
            group.start(second(), "second")

        group.start(first(), "first")
        await group.join()

    asyncio.run(main())
    assert done == ["second"]


def test_a_task_may_close_its_own_group() -> None:
    async def main() -> None:
        group = TaskGroup()
        await group.start(group.aclose(), "closer")

    asyncio.run(main())


@virtual_time
async def test_a_periodic_task_goes_on_after_errors_which_are_logged_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    calls: list[float] = []

    async def look() -> None:
        calls.append(now())
        if len(calls) <= 5:
            raise OSError(errno.EMFILE, "too many open files")

    failures: Counter[str] = Counter()
    group = TaskGroup(failures=failures)
    group.repeat(look, "look", 2)
    await asyncio.sleep(13)
    await group.aclose()
    assert calls == [0, 2, 4, 6, 8, 10, 12]
    assert failures == {"look": 5}
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "Periodic task 'look' failed and will be tried again",
        "Periodic task 'look' failed 2 times in a row",
        "Periodic task 'look' failed 4 times in a row",
        "Periodic task 'look' works again after 5 failures in a row",
    ]


@virtual_time
async def test_a_periodic_task_may_begin_with_a_wait() -> None:
    calls: list[float] = []

    async def look() -> None:
        calls.append(now())

    group = TaskGroup()
    group.repeat(look, "look", 2, at_once=False)
    await asyncio.sleep(5)
    await group.aclose()
    assert calls == [2, 4]
