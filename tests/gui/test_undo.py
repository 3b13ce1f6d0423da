from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from engine.errors import ConflictError, VersionNotFoundError
from engine.snapshots import Key
from gui.several import SeveralError
from gui.undo import MOST, SECONDS, Undo, UndoStack, bring_back, remember, scale_back
from tests.gui.fakes import FakeEngine, a_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.registration import Registration
    from engine.snapshots import Progress

    Report = Callable[[Progress], None]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def nothing() -> None:
    """Take nothing back."""


def test_an_act_can_be_taken_back_for_ten_seconds() -> None:
    clock = Clock()
    stack = UndoStack(clock)
    act = Undo("Unregistered digits 1.0", nothing)
    stack.push(act)
    clock.now = SECONDS - 0.5
    assert stack.newest is act
    assert stack.seconds_left == pytest.approx(0.5)
    clock.now = SECONDS
    assert stack.newest is None
    assert stack.pop() is None
    assert stack.seconds_left == 0.0


def test_the_newest_goes_first_and_only_some_are_kept() -> None:
    stack = UndoStack(Clock())
    acts = [Undo(str(number), nothing) for number in range(MOST + 2)]
    for act in acts:
        stack.push(act)
    assert [stack.pop() for _ in range(MOST)] == acts[:1:-1]
    assert stack.pop() is None


def test_a_version_comes_back_with_workers_and_default(engine: FakeEngine) -> None:
    engine.put(a_version(min_workers=2, max_workers=5))
    kept = remember(engine, engine.versions[Key("digits", "1.0")])
    engine.remove(kept.key)
    asyncio.run(bring_back(engine, [kept]))
    assert [call[0] for call in engine.calls] == ["register", "scale", "set_default"]
    assert engine.calls[1] == ("scale", "digits", "1.0", 2, 5)
    assert engine.calls[0][1] == kept.registration
    assert kept.registration.initial_workers == 2


def test_another_version_does_not_become_the_default(engine: FakeEngine) -> None:
    engine.put(a_version(is_default=False))
    asyncio.run(bring_back(engine, [remember(engine, engine.versions[Key("digits", "1.0")])]))
    assert "set_default" not in [call[0] for call in engine.calls]


def test_what_is_not_there_cannot_be_remembered(engine: FakeEngine) -> None:
    with pytest.raises(VersionNotFoundError):
        remember(engine, a_version())


def test_one_that_does_not_come_back_leaves_the_others_alone() -> None:
    class Taken(FakeEngine):
        async def register(self, registration: Registration, progress: Report | None = None) -> str:
            if registration.model_name == "signs":
                raise ConflictError("It is there already.")
            return await super().register(registration, progress)

    engine = Taken()
    engine.put(a_version("signs"), a_version("digits"))
    kept = [remember(engine, version) for version in engine.versions.values()]
    with pytest.raises(SeveralError, match=r"^signs 1\.0: It is there already\.$"):
        asyncio.run(bring_back(engine, kept))
    assert [call[1] for call in engine.calls if call[0] == "set_default"] == ["digits"]


def test_workers_go_back_to_what_they_were(engine: FakeEngine) -> None:
    asyncio.run(scale_back(engine, [a_version(min_workers=1, max_workers=4), a_version("b", min_workers=3)]))
    assert engine.calls == [("scale", "digits", "1.0", 1, 4), ("scale", "b", "1.0", 3, 3)]
