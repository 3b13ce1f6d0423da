"""What models come back as: with today's settings where nobody said otherwise, and visibly when they do not come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from engine import arrivals
from engine.archives.progress import ProgressCallback
from engine.engine import Engine
from engine.errors import NotFoundError, StoreError, VersionNotFoundError
from engine.home import Home
from engine.record.database import create
from engine.record.rows import row_of
from engine.registration import Registration, specify
from engine.registry.records import Target, VersionSpec
from engine.settings import ModelDefaults, SnapshotModel
from engine.snapshots import Key, VersionSnapshot
from engine.tasks import TaskGroup
from engine.unpacked import Unpacked, unpack_model
from tests.support.archives import archive
from tests.support.records import saved
from tests.support.servers import make_home, make_settings
from tests.support.workers import FakeLauncher

Scenario = Callable[[Engine], Awaitable[None]]
WORKERS = "minWorkers: 1\nmaxWorkers: 2\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path)


def run(home: Home, scenario: Scenario, **settings: Any) -> None:
    async def main() -> None:
        engine = Engine(make_settings(**settings), home, FakeLauncher())
        try:
            await engine.start()
            await scenario(engine)
        finally:
            await engine.stop()

    asyncio.run(main())


def registering(*registrations: Registration) -> Scenario:
    async def scenario(engine: Engine) -> None:
        for registration in registrations:
            await engine.register(registration)

    return scenario


def after(home: Home, **settings: Any) -> tuple[VersionSnapshot, tuple[str, ...]]:
    """Start again; returns the default version of `noop`, and the notices."""
    found: list[tuple[VersionSnapshot, tuple[str, ...]]] = []

    async def look(engine: Engine) -> None:
        found.append((engine.describe("noop")[0], engine.notices()))

    run(home, look, **settings)
    return found[0]


def values(version: VersionSnapshot) -> tuple[int, ...]:
    timeouts = version.response_timeout, version.startup_timeout
    return (*timeouts, version.queue.capacity, version.batch_size, version.max_batch_delay, version.min_workers)


LATER = {
    "default_response_timeout": 7,
    "default_startup_timeout": 8,
    "job_queue_size": 9,
    "default_workers_per_model": 3,
    "models": (ModelDefaults("noop", "1.0", batch_size=5, max_batch_delay=6),),
}


def test_settings_that_are_changed_later_reach_models_that_come_back(home: Home) -> None:
    archive(home.model_store)
    run(home, registering(Registration("noop-1.0.mar")))
    assert values(after(home, **LATER)[0]) == (7, 8, 9, 5, 6, 3)
    assert values(after(home)[0]) == (120, 120, 100, 1, 100, 0)


def test_what_the_caller_said_stays_whatever_the_settings_say_later(home: Home) -> None:
    archive(home.model_store)
    said = {"response_timeout": 120, "startup_timeout": 11, "batch_size": 1, "max_batch_delay": 100}
    run(home, registering(Registration("noop-1.0.mar", initial_workers=1, **said)))  # type: ignore[arg-type]
    assert values(after(home, **LATER)[0]) == (120, 11, 9, 1, 100, 1)


def test_what_the_archive_says_stays_whatever_the_settings_say_later(home: Home) -> None:
    config = "responseTimeout: 120\nstartupTimeout: 11\njobQueueSize: 12\nbatchSize: 1\nmaxBatchDelay: 100\n"
    archive(home.model_store, config=config + WORKERS)
    run(home, registering(Registration("noop-1.0.mar")))
    assert values(after(home, **LATER)[0]) == (120, 11, 12, 1, 100, 1)


def test_a_handler_of_the_settings_is_looked_up_at_each_start(home: Home) -> None:
    path = archive(home.model_store)
    run(home, registering(Registration("noop-1.0.mar")))
    archive_without_handler(path)
    assert after(home, default_service_handler="service.py:other")[0].handler == "service.py:other"


def archive_without_handler(path: Path) -> None:
    """Make the archive a folder that names no handler, as `torch-model-archiver --archive-format no-archive` does."""
    path.unlink()
    (path / "MAR-INF").mkdir(parents=True)
    (path / "service.py").write_text("def other(data, context): pass\n")
    (path / "MAR-INF" / "MANIFEST.json").write_text('{"model": {"modelName": "noop", "modelVersion": "1.0"}}')


def test_a_version_for_which_no_handler_is_left_is_told_and_stays_recorded(home: Home) -> None:
    path = archive(home.model_store)
    run(home, registering(Registration("noop-1.0.mar")))
    archive_without_handler(path)
    notices: list[str] = []

    async def look(engine: Engine) -> None:
        assert engine.list_models() == []
        notices.extend(engine.notices())

    run(home, look)
    assert "noop 1.0 was not brought back: noop-1.0.mar names no handler" in notices[0]
    assert after(home, default_service_handler="service.py:other")[1] == ()


@pytest.mark.parametrize("workers", [0, 3])
def test_the_workers_that_a_caller_asked_for_come_before_those_of_the_archive(home: Home, workers: int) -> None:
    archive(home.model_store, config=WORKERS)
    run(home, registering(Registration("noop-1.0.mar", initial_workers=workers)))
    found = after(home)[0]
    assert (found.min_workers, found.max_workers) == (workers, workers)


def test_the_workers_of_a_scale_come_before_those_of_the_archive(home: Home) -> None:
    archive(home.model_store, config=WORKERS)

    async def scale(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar"))
        assert engine.describe("noop")[0].max_workers == 2
        await engine.scale("noop", None, min_workers=3, max_workers=4)

    run(home, scale)
    found = after(home)[0]
    assert (found.min_workers, found.max_workers) == (3, 4)


@pytest.mark.parametrize(("least", "most"), [(3, 3), (3, 5), (0, 0)])
@pytest.mark.parametrize("dialect", ["document", "torchserve-0.12"])
def test_the_workers_of_a_snapshot_come_before_those_of_the_archive(
    home: Home, least: int, most: int, dialect: str
) -> None:
    archive(home.model_store, config=WORKERS)
    snapshot = SnapshotModel("noop", "1.0", "noop-1.0.mar", True, least, most, 1, 100, 120, 120)  # noqa: FBT003
    for settings in ({"model_snapshot": (snapshot,)}, {}):
        found = after(home, api_dialect=dialect, **settings)[0]
        assert (found.min_workers, found.max_workers) == (least, most)


def test_in_torchserves_dialect_the_archive_decides_how_many_workers_a_registration_starts(home: Home) -> None:
    archive(home.model_store, config=WORKERS)
    run(home, registering(Registration("noop-1.0.mar", initial_workers=3)), api_dialect="torchserve-0.12")
    found = after(home, api_dialect="torchserve-0.12")[0]
    assert (found.min_workers, found.max_workers) == (1, 2)


def test_a_default_version_that_cannot_come_back_is_told_with_the_version_that_answers(home: Home) -> None:
    for version in ("1.0", "2.0", "3.0"):
        archive(home.model_store, version=version)

    async def fill(engine: Engine) -> None:
        for version in ("1.0", "2.0", "3.0"):
            await engine.register(Registration(f"noop-{version}.mar"))
        await engine.set_default("noop", "2.0")

    run(home, fill)
    away = home.model_store / "noop-2.0.mar"
    content = away.read_bytes()
    away.unlink()
    found, (notice,) = after(home)
    assert found.key.version == "1.0"
    assert notice == (
        "noop 2.0 was not brought back: Model not found at: noop-2.0.mar. "
        "It stays recorded until DELETE /models/noop/2.0. "
        "It is the default version; until it comes back, version 1.0 answers for noop."
    )
    away.write_bytes(content)
    found, notices = after(home)
    assert (found.key.version, notices) == ("2.0", ())


@pytest.mark.parametrize("recorded", [{"target": Target(1_000_000, 1_000_000)}, {"response_timeout": 10**30}])
def test_a_version_with_numbers_out_of_range_does_not_keep_the_others_from_coming(
    home: Home, recorded: dict[str, Any]
) -> None:
    archive(home.model_store)
    archive(home.model_store, version="2.0")
    versions = (saved("noop", "1.0", **recorded), saved("noop", "2.0"))
    create(home.database, [row_of(number, version) for number, version in enumerate(versions, 1)], 2)
    found, notices = after(home)
    assert found.key.version == "2.0"
    assert "noop 1.0 was not brought back" in "".join(notices)


def test_a_version_that_did_not_come_back_can_be_unregistered(home: Home) -> None:
    for version in ("1.0", "2.0"):
        archive(home.model_store, version=version)
    run(home, registering(Registration("noop-1.0.mar"), Registration("noop-2.0.mar")))
    (home.model_store / "noop-1.0.mar").unlink()

    async def forget(engine: Engine) -> None:
        with pytest.raises(VersionNotFoundError):
            await engine.unregister("noop", "3.0")
        await engine.unregister("noop", "1.0")
        assert [version.key.version for version in engine.describe("noop", "all")] == ["2.0"]

    run(home, forget)
    assert after(home)[1] == ()


def test_a_default_is_recorded_before_it_counts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("1.0", "2.0"):
        archive(home.model_store, version=version)
    seen: list[str] = []

    async def scenario(engine: Engine) -> None:
        await registering(Registration("noop-1.0.mar"), Registration("noop-2.0.mar"))(engine)
        store = engine._catalogue.store
        assert store is not None

        async def refuse(_key: object) -> None:
            seen.append(engine.describe("noop")[0].key.version)
            raise StoreError("full")

        monkeypatch.setattr(store, "set_default", refuse)
        with pytest.raises(StoreError):
            await engine.set_default("noop", "2.0")
        assert (seen, engine.describe("noop")[0].key.version) == (["1.0"], "1.0")

    run(home, scenario)


def test_a_damaged_record_is_among_the_notices(home: Home) -> None:
    archive(home.model_store)
    run(home, registering(Registration("noop-1.0.mar")))
    home.database.write_bytes(b"garbled")
    (notice,) = after(home)[1]
    assert "repaired from its copy" in notice


def from_url(tmp_path: Path) -> Registration:
    """Return a registration that brings noop-1.0.mar into the store from elsewhere."""
    return Registration(archive(tmp_path).as_uri())


URLS = {"allowed_urls": ("file://.*",)}


def test_an_archive_that_is_being_registered_by_name_outlives_the_model_whose_url_brought_it(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(path: Path, store: Path, scratch: Path, report: ProgressCallback, cancel: Event) -> Unpacked:
        begun.set()
        assert go_on.wait(10)
        return unpack_model(path, store, scratch, report, cancel)

    async def scenario(engine: Engine) -> None:
        await engine.register(from_url(tmp_path))
        monkeypatch.setattr(arrivals, "unpack_model", slowly)
        registering_by_name = engine.register(Registration("noop-1.0.mar", model_name="named"))
        by_name = TaskGroup().start(registering_by_name, "registers by name")
        assert await asyncio.to_thread(begun.wait, 10)
        await engine.unregister("noop")
        go_on.set()
        await by_name
        assert engine.list_models() == [("named", "noop-1.0.mar")]
        assert (home.model_store / "noop-1.0.mar").exists()

    run(home, scenario, **URLS)


def test_an_archive_that_the_record_needs_outlives_the_model_whose_url_brought_it(home: Home, tmp_path: Path) -> None:
    store = home.model_store

    async def fill(engine: Engine) -> None:
        await engine.register(from_url(tmp_path))
        await engine.register(Registration("noop-1.0.mar", model_name="named"))

    async def remove(engine: Engine) -> None:
        assert engine.list_models() == []
        (store / "noop-1.0.mar").unlink()
        await engine.register(from_url(tmp_path))
        await engine.unregister("noop")
        assert (store / "noop-1.0.mar").exists()

    run(home, fill, **URLS)
    run(home, remove, restore=False, **URLS)


def test_an_archive_that_a_url_brought_goes_with_its_last_model(home: Home, tmp_path: Path) -> None:
    async def scenario(engine: Engine) -> None:
        await engine.register(from_url(tmp_path))
        await engine.unregister("noop")
        assert list(home.model_store.iterdir()) == []

    run(home, scenario, **URLS)


def test_a_start_goes_on_without_a_model_that_raises_an_unexpected_error(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    archive(home.model_store)
    archive(home.model_store, "other")
    run(home, registering(Registration("noop-1.0.mar"), Registration("other-1.0.mar")))

    def fail(registration: Registration, key: Key, *given: Any, **named: Any) -> VersionSpec:
        if key.name == "noop":
            raise ValueError("nobody expected this")
        return specify(registration, key, *given, **named)

    monkeypatch.setattr("engine.registering.specify", fail)

    async def scenario(engine: Engine) -> None:
        assert engine.describe("other")
        with pytest.raises(NotFoundError):
            engine.describe("noop")
        assert "noop 1.0 was not brought back: an unexpected error" in " ".join(engine.notices())

    run(home, scenario)
    assert "nobody expected this" in caplog.text
    monkeypatch.undo()
    assert after(home)[0].key.name == "noop"
