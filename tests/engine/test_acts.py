"""Acts by themselves, and archives on their way in through the façade: how far they are, and how they are ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.acts import BEGINNING, Acts
from engine.engine import Engine
from engine.errors import CancelledActError, InvalidArchiveError
from engine.home import Home
from engine.record.rows import SavedVersion
from engine.registration import Registration
from engine.snapshots import Act, Progress
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings, serving, unpacked
from tests.support.workers import FakeLauncher

HALF = Progress("unpacking", 1, 2)
Report = Callable[[Progress], None]


class Work:
    """Work that goes on until the test lets it end, and notes how it ended."""

    def __init__(self, error: Exception | None = None) -> None:
        self.go_on = asyncio.Event()
        self.cleaned = False
        self._error = error

    async def __call__(self, report: Report) -> str:
        report(HALF)
        try:
            await self.go_on.wait()
        finally:
            self.cleaned = True
        if self._error:
            raise self._error
        return "done"


class Setting:
    def __init__(self) -> None:
        self.changes: list[int] = []
        self.acts = Acts(lambda: self.changes.append(len(self.acts.running)))

    async def begin(self, work: Work, title: str = "digits.mar", progress: Report | None = None) -> asyncio.Task[str]:
        carrying = asyncio.get_running_loop().create_task(self.acts.carry(title, work, progress))
        await asyncio.sleep(0)
        return carrying


def on_a_loop(scenario: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    async def main() -> None:
        await scenario()

    def test() -> None:
        asyncio.run(main())

    return test


@on_a_loop
async def test_an_act_is_there_from_its_beginning_to_its_end() -> None:
    setting, work, seen = Setting(), Work(), list[Progress]()
    carrying = await setting.begin(work, progress=seen.append)
    (act,) = setting.acts.running
    assert (act.id, act.title, act.progress) == (1, "digits.mar", BEGINNING)
    await asyncio.sleep(0)
    assert (setting.acts.running[0].progress, seen) == (HALF, [HALF])
    work.go_on.set()
    assert await carrying == "done"
    assert (setting.acts.running, setting.changes) == ((), [1, 0])


@on_a_loop
async def test_a_cancelled_act_cleans_up_and_its_caller_is_told_which_it_was() -> None:
    setting, work, other = Setting(), Work(), Work()
    carrying = await setting.begin(work)
    beside = await setting.begin(other, "other.mar")
    await asyncio.sleep(0)
    setting.acts.cancel(setting.acts.running[0].id)
    with pytest.raises(CancelledActError, match=r"digits\.mar was cancelled"):
        await carrying
    assert (work.cleaned, other.cleaned) == (True, False)
    assert [act.title for act in setting.acts.running] == ["other.mar"]
    other.go_on.set()
    assert await beside == "done"


@on_a_loop
async def test_cancelling_what_is_over_or_never_was_is_harmless() -> None:
    setting, work = Setting(), Work()
    setting.acts.cancel(7)
    work.go_on.set()
    carrying = await setting.begin(work)
    assert await carrying == "done"
    setting.acts.cancel(1)
    again = await setting.begin(work)
    assert await again == "done"


@on_a_loop
async def test_a_caller_that_leaves_cancels_its_act() -> None:
    setting, work = Setting(), Work()
    carrying = await setting.begin(work)
    await asyncio.sleep(0)
    carrying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await carrying
    assert work.cleaned
    await asyncio.sleep(0)
    assert setting.acts.running == ()


@on_a_loop
async def test_a_failure_is_the_callers() -> None:
    setting, work = Setting(), Work(InvalidArchiveError("no zip"))
    carrying = await setting.begin(work)
    work.go_on.set()
    with pytest.raises(InvalidArchiveError, match="no zip"):
        await carrying
    assert setting.acts.running == ()


@on_a_loop
async def test_closing_ends_every_act() -> None:
    setting, work = Setting(), Work()
    carrying = await setting.begin(work)
    await asyncio.sleep(0)
    await setting.acts.aclose()
    with pytest.raises(asyncio.CancelledError):
        await carrying
    assert (work.cleaned, setting.acts.running) == (True, ())


# Through the façade


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path)
    archive(made.model_store, "big", files={"weights.bin": os.urandom(1 << 20) * 40})
    return made


def cancelling(engine: Engine) -> Report:
    """Return what cancels the one act once its progress is seen, and checks what it is called."""

    def cancel(step: Progress) -> None:
        if engine.acts():
            (act,) = engine.acts()
            assert (act.title, act.progress) == ("big-1.0.mar", step)
            engine.cancel(act.id)

    return cancel


def cancel_all(engine: Engine) -> None:
    for act in engine.acts():
        engine.cancel(act.id)


def run(home: Home, scenario: Callable[[Engine], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        engine = Engine(make_settings(**settings), home, FakeLauncher())
        try:
            await engine.start()
            await scenario(engine)
        finally:
            await engine.stop()

    asyncio.run(main())


def test_a_registration_that_somebody_cancels_leaves_nothing_and_says_so(home: Home) -> None:
    async def scenario(engine: Engine) -> None:
        looks: list[int] = []
        engine.subscribe(lambda: looks.append(len(engine.acts())))
        with pytest.raises(CancelledActError, match=r"big-1\.0\.mar was cancelled"):
            await engine.register(Registration("big-1.0.mar"), cancelling(engine))
        assert (engine.list_models(), engine.acts(), looks) == ([], (), [1, 0])
        assert [entry for entry in engine._arrivals.scratch.folder.iterdir() if entry.is_dir()] == []
        await engine.register(Registration("big-1.0.mar"))

    run(home, scenario)


def test_once_a_registration_is_recorded_there_is_no_act_to_cancel(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(engine: Engine) -> None:
        store = engine._catalogue.store
        assert store is not None
        add, seen = store.add, list[tuple[Act, ...]]()

        async def note_and_add(saved: SavedVersion) -> None:
            seen.append(engine.acts())
            await add(saved)

        monkeypatch.setattr(store, "add", note_and_add)
        await engine.register(Registration("big-1.0.mar"))
        assert seen == [()]

    run(home, scenario)


def test_a_copy_into_the_store_can_be_cancelled(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "big-1.0.mar"
    (home.model_store / elsewhere.name).rename(elsewhere)

    async def scenario(engine: Engine) -> None:
        with pytest.raises(CancelledActError):
            await engine.add_to_store(elsewhere, cancelling(engine))
        assert list(home.model_store.iterdir()) == []

    run(home, scenario)


def test_over_rest_a_cancelled_registration_is_the_clients_error(home: Home) -> None:
    async def main() -> None:
        async with serving(home, make_settings(), FakeLauncher()) as server:
            engine = server.engine
            engine.subscribe(lambda: cancel_all(engine))
            answer = await server.register("url=big-1.0.mar")
            assert answer.error == (400, "ModelException", "big-1.0.mar was cancelled.")
            assert (await server.names(), unpacked(server)) == ([], [])

    asyncio.run(main())


def test_a_model_whose_return_is_cancelled_stays_in_the_record(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    async def fill(engine: Engine) -> None:
        await engine.register(Registration("big-1.0.mar"))

    async def look(engine: Engine) -> None:
        assert [name for name, _ in engine.list_models()] == ["big"]

    async def start_and_cancel() -> None:
        engine = Engine(make_settings(), home, FakeLauncher())
        engine.subscribe(lambda: cancel_all(engine))
        await engine.start()
        assert engine.list_models() == []
        await engine.stop()

    run(home, fill)
    asyncio.run(start_and_cancel())
    assert "big 1.0 was not brought back: big-1.0.mar was cancelled." in caplog.text
    run(home, look)
