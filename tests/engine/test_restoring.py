"""Whether the last run's models come back: as asked for, and not after a crash loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine import restoring
from engine.engine import Engine
from engine.home import Home
from engine.registration import Registration
from engine.restoring import CRASH_LOOP
from engine.snapshots import Key
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings
from tests.support.workers import FakeLauncher

Scenario = Callable[[Engine], Awaitable[None]]
BOTH = [("noop", "1.0"), ("noop", "2.0")]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a home whose record holds two versions."""
    made = make_home(tmp_path)
    for version in ("1.0", "2.0"):
        archive(made.model_store, "noop", version)

    async def fill(engine: Engine) -> None:
        for version in ("1.0", "2.0"):
            await engine.register(Registration(f"noop-{version}.mar"))

    run(made, fill)
    return made


def run(home: Home, scenario: Scenario, **settings: Any) -> None:
    async def main() -> None:
        engine = Engine(make_settings(**settings), home, FakeLauncher(), ends_crash_loops=True)
        try:
            await engine.start()
            await scenario(engine)
        finally:
            await engine.stop()

    asyncio.run(main())


def crash(home: Home, times: int = 1) -> None:
    """Start, and end so that Marina is never told."""

    async def never_told() -> None:
        """Stand in for the end in order."""

    async def scenario(engine: Engine) -> None:
        engine._restoring.end_in_order = never_told  # type: ignore[method-assign]

    for _ in range(times):
        run(home, scenario)


def keys(home: Home, **settings: Any) -> list[Key]:
    """Return what is there after a start, which ends in order."""
    found: list[Key] = []

    async def look(engine: Engine) -> None:
        found.extend(version.key for version in engine.changes(0).changed)

    run(home, look, **settings)
    return sorted(found)


def notices(home: Home) -> tuple[str, ...]:
    found: list[str] = []

    async def look(engine: Engine) -> None:
        found.extend(engine.notices())

    run(home, look)
    return tuple(found)


def test_models_come_back_one_after_another(home: Home) -> None:
    most: list[int] = []

    async def main() -> None:
        engine = Engine(make_settings(), home, FakeLauncher())
        engine.subscribe(lambda: most.append(len(engine.acts())))
        await engine.start()
        await engine.stop()

    asyncio.run(main())
    assert max(most) == 1
    assert keys(home) == BOTH


def test_after_a_crash_loop_models_are_left_out_once_and_stay_recorded(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    crash(home, CRASH_LOOP)
    (notice,) = notices(home)
    assert "3 times in a row" in notice
    assert "(2)" in notice
    assert notice in caplog.text
    assert keys(home) == BOTH
    assert notices(home) == ()


def test_without_a_window_models_come_back_after_any_number_of_kills(home: Home) -> None:
    crash(home, CRASH_LOOP)
    found: list[Key] = []

    async def main() -> None:
        engine = Engine(make_settings(), home, FakeLauncher())
        await engine.start()
        found.extend(version.key for version in engine.changes(0).changed)
        await engine.stop()

    asyncio.run(main())
    assert sorted(found) == BOTH


def test_fewer_crashes_are_no_loop_and_an_end_in_order_forgets_them(home: Home) -> None:
    crash(home, CRASH_LOOP - 1)
    assert keys(home) == BOTH
    assert not home.unfinished_starts.exists()
    crash(home, CRASH_LOOP - 1)
    assert keys(home) == BOTH


def test_a_crash_of_the_start_without_models_brings_them_back_again(home: Home) -> None:
    crash(home, CRASH_LOOP + 1)
    assert keys(home) == BOTH


def test_a_start_that_lasts_is_no_part_of_a_crash_loop(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lasts(engine: Engine) -> None:
        await asyncio.sleep(0)  # the engine's own wait begins, for as long as it does
        monkeypatch.setattr(restoring, "LASTING_SECONDS", 0.0)
        await engine._restoring.last()
        assert not home.unfinished_starts.exists()

    crash(home, CRASH_LOOP - 1)
    assert home.unfinished_starts.read_text() == "2\n"
    run(home, lasts)


def test_an_unreadable_count_counts_as_none(home: Home) -> None:
    home.unfinished_starts.write_text("lots")
    assert keys(home) == BOTH


def test_a_count_that_cannot_be_written_keeps_no_model_away(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.unfinished_starts.mkdir()
    assert keys(home) == BOTH
    assert "cannot be noted" in caplog.text


def test_an_engine_that_never_started_leaves_the_count_alone(home: Home) -> None:
    crash(home)
    asyncio.run(Engine(make_settings(), home, FakeLauncher()).stop())
    assert home.unfinished_starts.read_text() == "1\n"


def test_models_stay_away_when_asked_and_stay_recorded_beside_new_ones(home: Home) -> None:
    archive(home.model_store, "new")

    async def fill(engine: Engine) -> None:
        assert engine.list_models() == []
        await engine.register(Registration("new-1.0.mar"))

    run(home, fill, restore=False)
    assert keys(home) == [("new", "1.0"), *BOTH]


def test_a_start_without_models_that_ends_in_order_ends_a_crash_loop(home: Home) -> None:
    crash(home, CRASH_LOOP)
    assert keys(home, restore=False) == []
    assert keys(home) == BOTH


def test_packages_of_models_that_stay_away_stay(home: Home) -> None:
    kept = home.environments / "of-a-model" / "file"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert keys(home, restore=False, install_py_dep_per_model=True) == []
    assert kept.exists()
    assert keys(home, install_py_dep_per_model=True) == BOTH
    assert not kept.exists()
