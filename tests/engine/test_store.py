"""The record of models survives: reopening, a second Marina, and damage."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.registry.records import Target
from engine.snapshots import Key
from engine.store import SavedVersion, Store
from tests.support.records import spec

ONE = SavedVersion(spec("m", "1", model_config={"a": [1, None, "é"]}), Target(1, 2), is_default=True)
TWO = SavedVersion(spec("m", "2"), Target(), is_default=False)
OTHER = SavedVersion(spec("n", "1"), Target(3, 3), is_default=True)


def change(path: Path, *acts: Callable[[Store], Awaitable[None]]) -> None:
    """Open the record, act, and close it."""

    async def main() -> None:
        store = Store(path)
        try:
            await store.open()
            for act in acts:
                await act(store)
        finally:
            await store.close()

    asyncio.run(main())


def read(path: Path) -> list[SavedVersion]:
    async def main() -> list[SavedVersion]:
        store = Store(path)
        try:
            return await store.open()
        finally:
            await store.close()

    return asyncio.run(main())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "marina.sqlite"


def test_a_new_record_is_empty(path: Path) -> None:
    assert read(path) == []


def test_versions_come_back_as_they_were_oldest_first(path: Path) -> None:
    change(path, lambda s: s.add(OTHER), lambda s: s.add(ONE), lambda s: s.add(TWO))

    assert read(path) == [OTHER, ONE, TWO]


def test_a_removed_version_stays_away_and_the_order_of_the_others_stands(path: Path) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO), lambda s: s.add(OTHER), lambda s: s.remove(TWO.spec.key))

    assert read(path) == [ONE, OTHER]


def test_a_default_version_is_kept_for_its_model_alone(path: Path) -> None:
    change(
        path, lambda s: s.add(ONE), lambda s: s.add(TWO), lambda s: s.add(OTHER), lambda s: s.set_default(Key("m", "2"))
    )

    assert [(saved.spec.key, saved.is_default) for saved in read(path)] == [
        (("m", "1"), False),
        (("m", "2"), True),
        (("n", "1"), True),
    ]


def test_a_target_is_kept_for_its_version_alone(path: Path) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO), lambda s: s.set_target(Key("m", "2"), Target(4, 8)))

    assert [saved.target for saved in read(path)] == [Target(1, 2), Target(4, 8)]


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda s: s.add(TWO), [ONE, TWO]),
        (lambda s: s.remove(ONE.spec.key), []),
        (lambda s: s.set_target(ONE.spec.key, Target(7, 7)), [SavedVersion(ONE.spec, Target(7, 7), is_default=True)]),
    ],
)
def test_each_change_is_on_the_disk_when_it_returns(
    path: Path, act: Callable[[Store], Awaitable[None]], expected: list[SavedVersion]
) -> None:
    """What another process would find after a crash: the files as they are, without the store having been closed."""
    crashed = path.with_name("crashed.sqlite")

    async def copy(_: Store) -> None:
        for suffix in ("", "-wal"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                crashed.with_name(crashed.name + suffix).write_bytes(part.read_bytes())

    change(path, lambda s: s.add(ONE), act, copy)

    assert read(crashed) == expected


def test_a_second_marina_is_refused_with_the_way_out(path: Path) -> None:
    async def main() -> None:
        first, second = Store(path), Store(path)
        await first.open()
        await first.add(ONE)
        try:
            with pytest.raises(StoreError, match=r"marina\.sqlite cannot be opened.*another Marina.*MARINA_HOME"):
                await second.open()
        finally:
            await second.close()
            await first.close()

    asyncio.run(main())
    assert read(path) == [ONE]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        read(tmp_path / "none" / "marina.sqlite")


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"\0" * 5000])
def test_a_damaged_file_is_set_aside_and_reported(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(content)

    with caplog.at_level(logging.ERROR):
        change(path, lambda s: s.add(ONE))

    (aside,) = path.parent.glob("marina.sqlite.damaged-*")
    assert aside.read_bytes() == content
    assert str(aside) in caplog.text
    assert read(path) == [ONE]


def spoil_a_row(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("""update versions set spec = '{"name": 1}' where version = '1'""")


def copy_of(path: Path) -> Path:
    return path.with_name("marina.sqlite.copy")


def test_a_row_that_cannot_be_read_comes_from_the_copy(path: Path) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO))
    spoil_a_row(path)
    assert read(path) == [ONE, TWO]


def test_a_row_that_nobody_can_read_costs_no_other_and_stays(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO))
    spoil_a_row(path)
    copy_of(path).unlink()
    assert read(path) == [TWO]
    assert "The record of m 1 cannot be read" in caplog.text
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select count(*) from versions").fetchone() == (2,)


@pytest.mark.parametrize("damage", [b"", b"\0" * 5000, b"garbled" * 1000, None], ids=["empty", "zeros", "text", "gone"])
@pytest.mark.parametrize("name", ["marina.sqlite", "marina.sqlite.copy", "marina.sqlite-wal", "marina.sqlite-shm"])
def test_one_damaged_file_loses_nothing(path: Path, name: str, damage: bytes | None) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO))
    damaged = path.with_name(name)
    if damage is None:
        damaged.unlink(missing_ok=True)
    else:
        damaged.write_bytes(damage)
    assert read(path) == [ONE, TWO]


@pytest.mark.parametrize("kept", [0, 1, 100, 4096, 5000])
def test_a_log_that_was_cut_short_by_a_crash_loses_nothing(path: Path, tmp_path: Path, kept: int) -> None:
    crashed = tmp_path / "crashed"
    crashed.mkdir()

    async def main() -> None:
        store = Store(path)
        await store.open()
        await store.add(ONE)
        await store.add(TWO)
        copy_all(tmp_path, crashed)
        await store.close()

    asyncio.run(main())
    log = crashed / "marina.sqlite-wal"
    assert log.stat().st_size > 5000
    log.write_bytes(log.read_bytes()[:kept])
    assert read(crashed / path.name) == [ONE, TWO]


def copy_all(source: Path, target: Path) -> None:
    for file in source.glob("marina.sqlite*"):
        shutil.copy(file, target)


def test_a_copy_that_cannot_be_written_refuses_no_change(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy_of(path).mkdir()
    change(path, lambda s: s.add(ONE))
    assert "cannot be written" in caplog.text
    assert read(path) == [ONE]


def test_a_record_that_is_not_open_is_not_written(path: Path) -> None:
    async def main() -> None:
        store = Store(path)
        try:
            with pytest.raises(StoreError, match="is not open"):
                await store.add(ONE)
        finally:
            await store.close()
            await store.close()

    asyncio.run(main())


def test_what_the_database_refuses_is_told(path: Path) -> None:
    impossible = SavedVersion(spec("m", "1"), Target("many", 1), is_default=True)  # type: ignore[arg-type]

    with pytest.raises(StoreError, match="cannot be written"):
        change(path, lambda s: s.add(impossible))
    assert read(path) == []
