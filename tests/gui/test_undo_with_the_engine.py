"""Versions that come back in the engine itself, without a window."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.engine import Engine
from engine.registration import Registration
from engine.snapshots import Key, VersionSnapshot
from gui.undo import bring_back, remember
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings
from tests.support.upstream import upstream
from tests.support.workers import FakeLauncher


def versions(engine: Engine) -> dict[Key, VersionSnapshot]:
    return {snapshot.key: snapshot for snapshot in engine.changes(0).changed}


async def bring_both_back(tmp_path: Path) -> None:
    engine = Engine(make_settings(allowed_urls=("http://.*",)), make_home(tmp_path), FakeLauncher())
    await engine.start()
    try:
        async with upstream() as site:
            archive(engine.home.model_store, "near", version="1.0")
            archive(tmp_path, "near", version="2.0").rename(tmp_path / "far.mar")
            site.files["/far.mar"] = (tmp_path / "far.mar").read_bytes()
            await engine.register(Registration("near-1.0.mar", initial_workers=1, batch_size=4))
            await engine.scale("near", "1.0", min_workers=1, max_workers=3)
            await engine.register(Registration(f"{site.url}/far.mar"))
            before = versions(engine)
            assert before[Key("near", "1.0")].is_default
            kept = [remember(engine, before[Key("near", version)]) for version in ("2.0", "1.0")]
            for one in kept:
                await engine.unregister(*one.key)
            assert versions(engine) == {}
            await bring_back(engine, kept)
            after = versions(engine)
            assert after.keys() == before.keys()
            for key, old in before.items():
                new = after[key]
                assert (new.min_workers, new.max_workers) == (old.min_workers, old.max_workers)
                assert (new.is_default, new.url, new.batch_size) == (old.is_default, old.url, old.batch_size)
    finally:
        await engine.stop()


def test_a_model_comes_back_from_the_store_and_from_its_url(tmp_path: Path) -> None:
    asyncio.run(bring_both_back(tmp_path))
