from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.settings import SnapshotModel, StartModel
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings, serving
from tests.support.workers import FakeLauncher


def recorded(version: str, *, is_default: bool = False, least: int = 0, most: int = 0) -> SnapshotModel:
    return SnapshotModel("noop", version, f"noop-{version}.mar", is_default, least, most, 4, 50, 30, None)


def test_a_snapshot_brings_back_versions_defaults_and_workers(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    for version in ("1.0", "2.0"):
        archive(home.model_store, version=version)
    snapshot = (recorded("1.0"), recorded("2.0", is_default=True, least=1, most=3))

    async def body() -> None:
        async with serving(home, make_settings(model_snapshot=snapshot), FakeLauncher()) as server:
            first, second = sorted(server.engine.describe("noop", "all"), key=lambda version: version.key)
            assert (first.is_default, first.min_workers, first.max_workers, len(first.workers)) == (False, 0, 0, 0)
            assert (second.is_default, second.min_workers, second.max_workers) == (True, 1, 3)
            assert (second.batch_size, second.max_batch_delay, second.response_timeout) == (4, 50, 30)
            assert not second.loaded_at_startup

    asyncio.run(body())


def test_a_snapshot_counts_instead_of_load_models(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    archive(home.model_store, version="1.0")
    archive(home.model_store, "other")
    from_file = make_settings(model_snapshot=(recorded("1.0"),), load_models=(StartModel(None, "other-1.0.mar"),))

    async def body() -> None:
        async with serving(home, from_file, FakeLauncher()) as server:
            assert [name for name, _ in server.engine.list_models()] == ["noop"]

    asyncio.run(body())


def test_a_snapshot_whose_archive_is_gone_stops_the_start(tmp_path: Path) -> None:
    home = make_home(tmp_path)

    async def body() -> None:
        with pytest.raises(SettingsError, match=r"names noop-1\.0\.mar, not found in the model store"):
            async with serving(home, make_settings(model_snapshot=(recorded("1.0"),)), FakeLauncher()):
                pass

    asyncio.run(body())
