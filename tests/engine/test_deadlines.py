"""A deadline is judged only after what has arrived is read."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop

from engine.deadlines import LONGEST_GRACE, Deadline, ReadClock, time_limit
from tests.support.loops import now, stand_still, turn, virtual_time


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    with ours, theirs:
        yield ours, theirs


def test_what_arrived_during_a_standstill_is_read_first(pair: tuple[socket.socket, socket.socket]) -> None:
    told: list[str] = []

    @virtual_time
    async def scenario() -> None:
        ours, theirs = pair
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, lambda: told.append(f"read {ours.recv(9)!r}"))
        deadline = Deadline(3, lambda: told.append("overdue"))
        theirs.send(b"answer")
        await stand_still(5)
        await turn()
        assert told == ["read b'answer'"]
        await asyncio.sleep(2.01)
        assert told == ["read b'answer'", "overdue"]
        deadline.cancel()
        loop.remove_reader(ours)

    scenario()


@virtual_time
async def test_it_is_in_time_while_the_loop_runs() -> None:
    due: list[float] = []
    Deadline(3, lambda: due.append(now()))
    await asyncio.sleep(3.01)
    assert due == [3]


@virtual_time
async def test_the_grace_after_a_standstill_is_bounded() -> None:
    due: list[float] = []
    Deadline(3, lambda: due.append(now()))
    await stand_still(1000)
    await asyncio.sleep(LONGEST_GRACE + 0.01)
    assert due == [1000 + LONGEST_GRACE]


@virtual_time
async def test_it_can_be_cancelled_at_any_time() -> None:
    due: list[float] = []
    Deadline(3, lambda: due.append(now())).cancel()
    late = Deadline(3, lambda: due.append(now()))
    await stand_still(5)
    await asyncio.sleep(1)
    late.cancel()
    await asyncio.sleep(100)
    assert due == []


@virtual_time
async def test_a_time_limit_reads_first_too() -> None:
    arrived = asyncio.Event()
    asyncio.get_running_loop().call_later(4, arrived.set)
    async with time_limit(5):
        await arrived.wait()
    async with time_limit(None):
        await asyncio.sleep(1000)
    with pytest.raises(TimeoutError):
        async with time_limit(5):
            await asyncio.sleep(6)


@virtual_time
async def test_a_clock_stands_after_a_standstill_until_what_arrived_is_read() -> None:
    needed = [True]
    clock = ReadClock(1, lambda: needed[0])
    await asyncio.sleep(7.5)
    assert clock.time() == now() == 7.5
    clock.run()
    await asyncio.sleep(10.2)
    assert clock.time() == now()
    await stand_still(5)
    assert clock.time() == pytest.approx(now() - 5, abs=1)
    await asyncio.sleep(5)
    assert clock.time() == now()
    needed[0] = False
    await asyncio.sleep(1)
    await stand_still(5)
    assert clock.time() == now()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_arrived_while_the_loop_was_held_is_read_first(
    factory: Callable[[], asyncio.AbstractEventLoop], pair: tuple[socket.socket, socket.socket]
) -> None:
    told: list[str] = []

    async def scenario() -> None:
        ours, theirs = pair
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, lambda: told.append(f"read {ours.recv(9)!r}"))
        judged = asyncio.Event()
        Deadline(0.01, judged.set)
        theirs.send(b"answer")
        time.sleep(0.02)  # noqa: ASYNC251 - what holds the loop
        await judged.wait()
        told.append("judged")
        loop.remove_reader(ours)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(scenario())
    assert told == ["read b'answer'", "judged"]
