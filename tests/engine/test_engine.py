"""The façade without HTTP: changes, stopping, starting models, and what a caller that leaves may break."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.engine import Engine
from engine.errors import (
    ArchiveNotFoundError,
    ModelNotFoundError,
    StoreError,
    TimedOutError,
    UnavailableError,
    VersionNotFoundError,
)
from engine.home import Home
from engine.registration import Registration
from engine.settings import ALL_MODELS, ModelDefaults, StartModel
from engine.snapshots import Key, Progress, VersionState, WorkerState
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings, until, until_state
from tests.support.workers import FakeLauncher

Scenario = Callable[[Engine], Awaitable[None]]
NOOP = Registration("noop-1.0.mar")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = make_home(tmp_path)
    archive(made.model_store, "noop", "1.0")
    archive(made.model_store, "noop", "2.0")
    return made


def run(home: Home, scenario: Scenario, launcher: FakeLauncher | None = None, **settings: Any) -> None:
    """Start an engine, let the scenario happen, and stop it."""

    async def main() -> None:
        engine = Engine(make_settings(**settings), home, launcher or FakeLauncher())
        try:
            await engine.start()
            await scenario(engine)
        finally:
            await engine.stop()

    asyncio.run(main())


async def nothing(_engine: Engine) -> None:
    """Only start and stop."""


def keys(engine: Engine) -> list[Key]:
    return [version.key for version in engine.changes(0).changed]


def test_changes_tell_what_came_what_changed_and_what_went(home: Home) -> None:
    async def scenario(engine: Engine) -> None:
        empty = engine.changes(0)
        assert (empty.changed, empty.complete) == ((), True)
        await engine.register(NOOP)
        came = engine.changes(empty.revision)
        assert [version.key for version in came.changed] == [("noop", "1.0")]
        assert engine.changes(came.revision).changed == ()
        await engine.scale("noop", None, min_workers=1, synchronous=True)
        scaled = engine.changes(came.revision)
        assert [(version.state, version.ready_workers) for version in scaled.changed] == [(VersionState.READY, 1)]
        await engine.predict("noop", None, "id", {}, [])
        assert engine.changes(scaled.revision).changed[0].queue.answered == 1
        await engine.unregister("noop")
        gone = engine.changes(scaled.revision)
        assert (gone.changed, gone.removed) == ((), (Key("noop", "1.0"),))

    run(home, scenario)


def test_a_new_default_version_is_news_of_both(home: Home) -> None:
    async def scenario(engine: Engine) -> None:
        await engine.register(NOOP)
        await engine.register(Registration("noop-2.0.mar"))
        before = engine.changes(0).revision
        await engine.set_default("noop", "2.0")
        news = {version.key.version: version.is_default for version in engine.changes(before).changed}
        assert news == {"1.0": False, "2.0": True}

    run(home, scenario)


def test_everything_comes_back_after_a_restart(home: Home) -> None:
    async def fill(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar", batch_size=4, initial_workers=2))
        await engine.register(Registration("noop-2.0.mar"))
        await engine.register(Registration("noop-1.0.mar", model_name="gone"))
        await engine.register(Registration("noop-1.0.mar", model_name="other"))
        await engine.set_default("noop", "2.0")
        await engine.scale("other", None, min_workers=1, max_workers=3)
        await engine.unregister("gone")

    async def look(engine: Engine) -> None:
        await until(engine, lambda: engine.describe("noop", "1.0")[0].ready_workers == 2)
        await until(engine, lambda: engine.describe("other")[0].ready_workers == 1)
        assert [name for name, _ in engine.list_models()] == ["noop", "other"]
        assert engine.describe("noop")[0].key.version == "2.0"
        first = engine.describe("noop", "1.0")[0]
        assert (first.batch_size, first.min_workers, first.is_default) == (4, 2, False)
        other = engine.describe("other")[0]
        assert (other.min_workers, other.max_workers, other.url) == (1, 3, "noop-1.0.mar")
        assert await engine.predict("other", None, "id", {}, [])

    run(home, fill)
    run(home, look)
    run(home, look)


def test_without_a_record_nothing_is_recorded_or_brought_back(home: Home) -> None:
    async def fill(engine: Engine) -> None:
        await engine.register(NOOP)

    async def look(engine: Engine) -> None:
        assert engine.list_models() == []

    run(home, fill)
    run(home, look, record=False)
    run(home, fill, record=False)


def test_a_model_whose_archive_is_missing_is_reported_and_kept_in_the_record(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    async def fill(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar"))
        await engine.register(Registration("noop-2.0.mar"))

    async def look(engine: Engine) -> None:
        assert keys(engine) == [("noop", "2.0")]
        assert engine.describe("noop")[0].key.version == "2.0"
        assert engine.is_healthy()

    async def look_again(engine: Engine) -> None:
        assert sorted(keys(engine)) == [("noop", "1.0"), ("noop", "2.0")]
        assert engine.describe("noop")[0].key.version == "1.0"

    run(home, fill)
    away = home.model_store / "noop-1.0.mar"
    content = away.read_bytes()
    away.unlink()
    run(home, look)
    assert "noop 1.0 was not brought back: Model not found at: noop-1.0.mar" in caplog.text
    away.write_bytes(content)
    run(home, look_again)


def test_a_second_engine_with_the_same_home_is_refused(home: Home) -> None:
    async def scenario(engine: Engine) -> None:
        await engine.register(NOOP)
        second = Engine(make_settings(), home, FakeLauncher())
        with pytest.raises(StoreError, match="another Marina"):
            await second.start()
        await second.stop()

    run(home, scenario)


def test_models_of_the_settings_are_registered_at_the_start(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    async def look(engine: Engine) -> None:
        assert [name for name, _ in engine.list_models()] == ["mine", "noop"]
        mine = engine.describe("mine")[0]
        assert (mine.min_workers, mine.loaded_at_startup) == (os.cpu_count(), True)
        assert engine.describe("noop")[0].min_workers == 3

    run(
        home,
        look,
        load_models=(StartModel("mine", "noop-1.0.mar"), StartModel(None, "noop-2.0.mar"), StartModel(None, "no.mar")),
        models=(ModelDefaults("noop", "2.0", min_workers=3),),
    )
    assert "no.mar was not loaded: Model not found at: no.mar" in caplog.text


def test_the_whole_store_may_be_loaded_and_again_after_a_restart(home: Home) -> None:
    (home.model_store / "notes.txt").write_text("no model")
    (home.model_store / ".hidden.mar").write_text("no model")

    async def look(engine: Engine) -> None:
        assert sorted(keys(engine)) == [("noop", "1.0"), ("noop", "2.0")]
        assert engine.describe("noop")[0].min_workers == 1

    for _ in range(2):
        run(home, look, load_models=ALL_MODELS, default_workers_per_model=1)


def test_stopping_twice_or_before_starting_is_fine(home: Home) -> None:
    async def scenario(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar", initial_workers=1, synchronous=True))
        await engine.stop()
        await engine.stop()

    async def unstarted() -> None:
        await Engine(make_settings(), home, FakeLauncher()).stop()

    run(home, scenario)
    asyncio.run(unstarted())


def test_a_stopped_engine_takes_no_more_changes(home: Home) -> None:
    async def scenario(engine: Engine) -> None:
        await engine.register(NOOP)
        await engine.stop()
        with pytest.raises(UnavailableError, match="Marina is stopping"):
            await engine.register(Registration("noop-2.0.mar"))
        with pytest.raises(UnavailableError, match="Marina is stopping"):
            await engine.scale("noop", None, min_workers=1)

    run(home, scenario)


def test_a_stop_hurries_a_version_that_is_on_its_way_out(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.engine.STOP_GRACE", 0.05)
    launcher = FakeLauncher(holding=True)

    async def scenario(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar", initial_workers=1, synchronous=True))
        answer = engine.predict("noop", None, "id", {}, [])
        await asyncio.wait_for(launcher.received.wait(), 20)
        leaving = asyncio.gather(engine.unregister("noop"))
        await until(engine, lambda: not engine.list_models())
        await engine.stop()
        assert launcher.workers[0].is_closing()
        assert str(answer.exception()) == "Worker died."
        await leaving

    run(home, scenario, launcher)


def test_cancelling_while_an_archive_is_unpacked_leaves_nothing(home: Home) -> None:
    big = {"weights.bin": os.urandom(1 << 20) * 40}
    archive(home.model_store, "big", files=big)

    async def scenario(engine: Engine) -> None:
        started = asyncio.Event()
        seen: list[Progress] = []

        def progress(step: Progress) -> None:
            seen.append(step)
            started.set()

        registering = asyncio.gather(engine.register(Registration("big-1.0.mar"), progress))
        await asyncio.wait_for(started.wait(), 20)
        registering.cancel()
        assert isinstance((await asyncio.gather(registering, return_exceptions=True))[0], asyncio.CancelledError)
        assert engine.list_models() == []
        assert [entry for entry in engine._arrivals.scratch.folder.iterdir() if entry.is_dir()] == []
        assert {step.phase for step in seen} == {"unpacking"}

    run(home, scenario)


def test_a_stop_ends_an_unpacking(home: Home) -> None:
    archive(home.model_store, "big", files={"weights.bin": os.urandom(1 << 20) * 40})

    async def scenario(engine: Engine) -> None:
        started = asyncio.Event()
        registering = asyncio.gather(
            engine.register(Registration("big-1.0.mar"), lambda _: started.set()), return_exceptions=True
        )
        await asyncio.wait_for(started.wait(), 20)
        await engine.stop()
        (outcome,) = await registering
        assert isinstance(outcome, asyncio.CancelledError | UnavailableError)
        assert not engine._arrivals.scratch.folder.exists()

    run(home, scenario)


@pytest.mark.parametrize("act", ["scale", "set_default", "unregister"])
def test_a_caller_that_leaves_half_way_leaves_record_and_registry_in_step(home: Home, act: str) -> None:
    acts: dict[str, Callable[[Engine], Awaitable[str]]] = {
        "scale": lambda engine: engine.scale("noop", "2.0", min_workers=2),
        "set_default": lambda engine: engine.set_default("noop", "2.0"),
        "unregister": lambda engine: engine.unregister("noop", "2.0"),
    }
    seen: list[Any] = []

    def facts(engine: Engine) -> list[Any]:
        return [(v.key, v.is_default, v.min_workers) for v in engine.describe("noop", "all")]

    async def scenario(engine: Engine) -> None:
        await engine.register(NOOP)
        await engine.register(Registration("noop-2.0.mar"))
        leaving = asyncio.gather(acts[act](engine))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await engine._catalogue.under_way.join()
        seen.append(facts(engine))

    async def look(engine: Engine) -> None:
        seen.append(facts(engine))

    run(home, scenario)
    run(home, look)
    assert seen[0] == seen[1]


def test_a_change_that_cannot_be_recorded_does_not_happen(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise StoreError("the disk is full")

    async def scenario(engine: Engine) -> None:
        await engine.register(NOOP)
        await engine.register(Registration("noop-2.0.mar"))
        for name in ("add", "remove", "set_default", "set_target"):
            monkeypatch.setattr(engine._catalogue.store, name, refuse)
        for act in (
            engine.register(Registration("noop-1.0.mar", model_name="other")),
            engine.unregister("noop", "2.0"),
            engine.set_default("noop", "2.0"),
            engine.scale("noop", None, min_workers=1),
        ):
            with pytest.raises(StoreError, match="the disk is full"):
                await act
        assert sorted(keys(engine)) == [("noop", "1.0"), ("noop", "2.0")]
        first = engine.describe("noop")[0]
        assert (first.key.version, first.min_workers, first.workers) == ("1.0", 0, ())

    run(home, scenario)


def test_a_failed_worker_is_tried_again_when_asked(home: Home) -> None:
    launcher = FakeLauncher(load_error="as asked")

    async def scenario(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar", initial_workers=1))
        await until_state(engine, "noop", WorkerState.BACKING_OFF)
        failed = engine.describe("noop")[0]
        assert (failed.state, failed.cause) == (VersionState.FAILED, "as asked")
        launcher.load_error = ""
        engine.retry("noop", "1.0", failed.workers[0].id)
        engine.retry("noop", "1.0", "nobody")
        await until_state(engine, "noop", WorkerState.READY)
        with pytest.raises(ModelNotFoundError):
            engine.retry("none", "1.0", "9000")
        with pytest.raises(VersionNotFoundError):
            engine.retry("noop", "9", "9000")

    run(home, scenario, launcher)


def test_a_worker_is_told_what_the_record_says(home: Home) -> None:
    launcher = FakeLauncher()

    async def scenario(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar", batch_size=4, initial_workers=1, synchronous=True))
        load = launcher.workers[0].load
        assert (load["model_name"], load["handler"], load["batch_size"]) == ("noop", "service.py", 4)
        assert (load["gpu_id"], load["server_version"]) == (None, "0.12.0")
        assert (Path(load["model_dir"]) / "MAR-INF" / "MANIFEST.json").is_file()
        assert json.dumps(load)

    run(home, scenario, launcher)


def test_archives_are_copied_into_the_store_and_looked_into(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "downloads"
    elsewhere.mkdir()
    source = archive(elsewhere, "fresh")

    async def scenario(engine: Engine) -> None:
        steps: list[Progress] = []
        name = await engine.add_to_store(source, steps.append)
        assert name == "fresh-1.0.mar"
        summary = await engine.inspect(name)
        assert (summary.model_name, summary.version, summary.handler) == ("fresh", "1.0", "service.py")
        with pytest.raises(ArchiveNotFoundError):
            await engine.inspect("none.mar")

    run(home, scenario)


def test_starting_and_stopping_leaves_no_folder_behind(home: Home) -> None:
    run(home, nothing)

    assert [entry for entry in home.unpacked.iterdir() if entry.is_dir()] == []


def test_a_registration_that_a_stop_overtakes_is_refused_and_leaves_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking, go_on = threading.Event(), threading.Event()

    def slow_check(*_: object) -> None:
        checking.set()
        go_on.wait(20)

    monkeypatch.setattr("engine.registering.require_handler", slow_check)

    async def scenario(engine: Engine) -> None:
        registering = asyncio.gather(engine.register(NOOP), return_exceptions=True)
        assert await engine._threads.run(checking.wait, 20)
        stopping = asyncio.gather(engine.stop())
        await asyncio.sleep(0)
        go_on.set()
        await stopping
        (outcome,) = await registering
        assert isinstance(outcome, UnavailableError)
        assert engine.list_models() == []

    async def look(engine: Engine) -> None:
        assert engine.list_models() == []

    run(home, scenario)
    run(home, look)


def test_a_version_is_removed_though_its_process_cannot_be_killed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = FakeLauncher()

    async def scenario(engine: Engine) -> None:
        await engine.register(NOOP)
        await engine.scale("noop", None, min_workers=1, synchronous=True)
        [worker] = launcher.workers
        with monkeypatch.context() as patch:
            patch.setattr(worker, "exit", lambda _code: None)
            with pytest.raises(TimedOutError, match="Timed out while cleaning resources: noop"):
                await engine.unregister("noop", timeout=0)
        assert keys(engine) == []
        worker.exit(-9)

    run(home, scenario, launcher, unregister_model_timeout=1)


def test_a_version_that_is_unregistered_can_be_registered_again_as_it_was(home: Home) -> None:
    said = Registration(
        "noop-1.0.mar",
        model_name="mine",
        handler="service.py:handle",
        runtime="LSP",
        batch_size=4,
        max_batch_delay=7,
        initial_workers=1,
        response_timeout=11,
        startup_timeout=13,
    )

    async def scenario(engine: Engine) -> None:
        await engine.register(said)
        await engine.scale("mine", None, min_workers=2, max_workers=3)
        before = engine.describe("mine")[0]
        again = engine.registration_of("mine", "1.0")
        assert again == dataclasses.replace(said, initial_workers=2)
        await engine.unregister("mine")
        await engine.register(again)
        await engine.scale("mine", None, min_workers=before.min_workers, max_workers=before.max_workers)
        after = engine.describe("mine")[0]
        assert dataclasses.replace(after, workers=before.workers, queue=before.queue) == before
        with pytest.raises(VersionNotFoundError):
            engine.registration_of("mine", "9")

    run(home, scenario)
