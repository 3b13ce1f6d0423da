"""The loop that window and engine share takes turns as asyncio's own does."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer

from engine.deadlines import Deadline

if TYPE_CHECKING:
    from tests.gui.fakes import Run


def test_callbacks_run_in_order_and_not_when_cancelled(run: Run) -> None:
    said: list[str] = []

    async def act() -> None:
        loop = asyncio.get_running_loop()
        for word in ("one", "two", "three"):
            handle = loop.call_soon(said.append, word)
            if word == "two":
                handle.cancel()
        await asyncio.sleep(0)

    run(act())
    assert said == ["one", "three"]


def test_callbacks_that_never_end_leave_qt_its_turns(run: Run) -> None:
    async def act() -> int:
        fired = asyncio.Event()
        QTimer.singleShot(0, fired.set)
        turns = 0
        while not fired.is_set():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert run(act()) < 100


def test_a_callback_that_fails_holds_up_no_other(run: Run) -> None:
    told: list[str] = []

    async def act() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        loop.call_soon(int, "no number")
        loop.call_soon(told.append, "next")
        await asyncio.sleep(0)

    run(act())
    assert told == ["invalid literal for int() with base 10: 'no number'", "next"]


def test_a_reader_may_remove_itself_and_another_take_its_place(run: Run) -> None:
    async def act() -> list[bytes]:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        got: list[bytes] = []
        enough = asyncio.Event()

        def second() -> None:
            got.append(b"second " + ours.recv(10))
            loop.remove_reader(ours)
            enough.set()

        def first() -> None:
            got.append(b"first " + ours.recv(10))
            loop.remove_reader(ours.fileno())
            loop.add_reader(ours, second)
            theirs.send(b"b")

        with ours, theirs:
            loop.add_reader(ours, first)
            theirs.send(b"a")
            await asyncio.wait_for(enough.wait(), 5)
        return got

    assert run(act()) == [b"first a", b"second b"]


def test_what_arrived_while_the_loop_was_held_is_read_before_a_deadline_is_judged(run: Run) -> None:
    told: list[str] = []

    async def act() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            loop.add_reader(ours, lambda: told.append(f"read {ours.recv(9)!r}"))
            judged = asyncio.Event()
            Deadline(0.05, judged.set)
            theirs.send(b"answer")
            time.sleep(0.1)  # noqa: ASYNC251 - what holds the loop
            await judged.wait()
            told.append("judged")
            loop.remove_reader(ours)

    run(act())
    assert told == ["read b'answer'", "judged"]
