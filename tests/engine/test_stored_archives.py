"""What lies in the model store, and taking it out again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.archives.sources import discard
from engine.errors import BadRequestError, ConflictError
from engine.registration import Registration
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings, serving


def test_the_store_is_listed_by_name_and_what_is_no_archive_left_out(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    for name in ("b.mar", "a.mar", "notes.txt", ".hidden.mar"):
        (home.model_store / name).write_bytes(b"")
    (home.model_store / "folder").mkdir()

    async def body() -> None:
        async with serving(home, make_settings()) as server:
            assert await server.engine.stored_archives() == ["a.mar", "b.mar", "folder"]

    asyncio.run(body())


def test_an_archive_goes_once_no_version_uses_it(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    path = archive(home.model_store)

    async def body() -> None:
        async with serving(home, make_settings()) as server:
            await server.engine.register(Registration(path.name, initial_workers=0))
            with pytest.raises(ConflictError, match="in use"):
                await server.engine.discard_from_store(path.name)
            assert path.exists()
            await server.engine.unregister("noop", "1.0")
            for _ in range(2):
                await server.engine.discard_from_store(path.name)
            assert not path.exists()

    asyncio.run(body())


@pytest.mark.parametrize("name", ["../outside.mar", "folder", "link.mar", ".hidden.mar", ""])
def test_what_is_no_file_of_the_store_stays(tmp_path: Path, name: str) -> None:
    store = tmp_path / "store"
    store.mkdir()
    outside = tmp_path / "outside.mar"
    outside.write_bytes(b"kept")
    (store / "folder").mkdir()
    (store / "link.mar").symlink_to(outside)
    (store / ".hidden.mar").write_bytes(b"")
    with pytest.raises(BadRequestError, match="no archive file"):
        discard(name, store)
    assert outside.read_bytes() == b"kept"
    assert {entry.name for entry in store.iterdir()} == {"folder", "link.mar", ".hidden.mar"}
