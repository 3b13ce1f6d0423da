"""The record of models survives: reopening, a second Marina, and damage."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import shutil
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.record.database import create
from engine.record.rows import Row, SavedVersion, row_of
from engine.registration import Registration
from engine.registry.records import Target
from engine.snapshots import Key
from engine.store import Store
from tests.support.records import saved

ONE = saved("m", "1", is_default=True, target=Target(1, 2), batch_size=4, handler="é")
TWO = saved("m", "2", loaded_at_startup=True)
OTHER = saved("n", "1", is_default=True, target=Target(3, 3))


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


def look(path: Path) -> tuple[list[SavedVersion], tuple[str, ...]]:
    """Open the record and close it; returns the versions and the notices."""

    async def main() -> tuple[list[SavedVersion], tuple[str, ...]]:
        store = Store(path)
        try:
            return await store.open(), store.notices
        finally:
            await store.close()

    return asyncio.run(main())


def read(path: Path) -> list[SavedVersion]:
    return look(path)[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "marina.sqlite"


def test_a_new_record_is_empty(path: Path) -> None:
    assert read(path) == []


def test_versions_come_back_as_they_were_oldest_first(path: Path) -> None:
    change(path, lambda s: s.add(OTHER), lambda s: s.add(ONE), lambda s: s.add(TWO))

    assert read(path) == [OTHER, ONE, TWO]


def test_a_removed_version_stays_away_and_the_order_of_the_others_stands(path: Path) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO), lambda s: s.add(OTHER), lambda s: s.remove(TWO.key))

    assert read(path) == [ONE, OTHER]


def test_a_default_version_is_kept_for_its_model_alone(path: Path) -> None:
    change(
        path, lambda s: s.add(ONE), lambda s: s.add(TWO), lambda s: s.add(OTHER), lambda s: s.set_default(Key("m", "2"))
    )

    assert [(found.key, found.is_default) for found in read(path)] == [
        (("m", "1"), False),
        (("m", "2"), True),
        (("n", "1"), True),
    ]


def test_a_target_is_kept_for_its_version_alone(path: Path) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO), lambda s: s.set_target(Key("m", "2"), Target(4, 8)))

    assert [found.target for found in read(path)] == [Target(1, 2), Target(4, 8)]


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda s: s.add(TWO), [ONE, TWO]),
        (lambda s: s.remove(ONE.key), []),
        (lambda s: s.set_target(ONE.key, Target(7, 7)), [replace(ONE, target=Target(7, 7))]),
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


def execute(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


def copy_of(path: Path) -> Path:
    return path.with_name("marina.sqlite.copy")


SPOIL = [
    "update models set content = '{\"name\": 1}' where version = '1'",
    "update models set content = replace(content, '\"min_workers\":1', '\"min_workers\":7')",
    "update models set content = cast(x'ff00fe' as text) where version = '1'",
    "update models set version = cast(x'ff' as text) where version = '1'",
    "update models set version = '3' where version = '1'",
    "update models set digest = '' where version = '1'",
    "update models set position = 99 where position = 1",
    "delete from models where version = '1'",
    "insert into models values (99, 'x', '1', '{}', '')",
    "insert into models select 99, name, 'x', content, digest from models where position = 1",
    "update state set content = '[99,[]]'",
    "update state set content = cast(x'ff' as text)",
    "delete from state",
    "insert into state select * from state",
    "drop table models",
    "drop table state",
    "alter table models rename column content to contents",
    "create table more (one)",
    "create trigger t after delete on models begin delete from state; end",
]


@pytest.mark.parametrize("statement", SPOIL)
def test_whatever_is_changed_in_the_record_comes_from_the_copy_and_is_told(path: Path, statement: str) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO), lambda s: s.add(OTHER))
    execute(path, statement)
    found, notices = look(path)
    assert found == [ONE, TWO, OTHER]
    (notice,) = notices
    (aside,) = path.parent.glob("marina.sqlite.damaged-*")
    assert str(aside) in notice
    assert "repaired from its copy" in notice
    assert look(path) == ([ONE, TWO, OTHER], ())


def test_of_two_damaged_files_each_row_comes_from_the_one_that_has_it(path: Path) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO), lambda s: s.add(OTHER))
    execute(path, "update models set content = '' where version = '1' and name = 'm'")
    execute(copy_of(path), "update models set content = '' where version = '2'")
    found, notices = look(path)
    assert found == [ONE, TWO, OTHER]
    assert "and its copy were damaged" in notices[0]
    assert len(notices) == 1


def test_a_row_that_is_in_neither_file_costs_no_other_and_is_told(path: Path) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO))
    execute(path, "update models set content = 'x' where version = '1'")
    copy_of(path).unlink()
    found, notices = look(path)
    assert found == [TWO]
    assert notices[1:] == ("m 1 could not be recovered. Register it again.",)
    (aside,) = path.parent.glob("marina.sqlite.damaged-*")
    with closing(sqlite3.connect(aside)) as database:
        assert database.execute("select count(*) from models").fetchone() == (2,)


def test_a_row_that_only_an_older_copy_has_is_taken_from_it_and_told(path: Path) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO))
    older = copy_of(path).read_bytes()
    change(path, lambda s: s.set_target(ONE.key, Target(9, 9)))
    copy_of(path).write_bytes(older)
    execute(path, "update models set content = 'x' where version = '1'")
    found, notices = look(path)
    assert found == [ONE, TWO]
    assert notices[1:] == ("m 1 is as it was before its last change.",)


def test_a_damaged_copy_is_written_anew_and_told(path: Path) -> None:
    change(path, lambda s: s.add(ONE))
    copy_of(path).write_bytes(b"garbled")
    found, notices = look(path)
    assert found == [ONE]
    assert "The copy of the record of models" in notices[0]
    assert look(path) == ([ONE], ())


def test_a_row_of_a_later_marina_stays_recorded_and_is_told(path: Path) -> None:
    change(path, lambda s: s.add(ONE), lambda s: s.add(TWO))
    unknown = Row(1, "m", "1", b'{"from": "the future"}')
    rows = (unknown, row_of(2, TWO))
    for file in (path, copy_of(path)):
        file.unlink()
        create(file, rows, 5)
    for _ in range(2):
        found, notices = look(path)
        assert found == [TWO]
        assert "The record of m 1 is not understood" in notices[0]
    change(path, lambda s: s.set_default(TWO.key))
    assert "m 1" in look(path)[1][0]


OLD_FORM = """
create table versions (name text not null, version text not null, position integer not null,
    is_default integer not null, min_workers integer not null, max_workers integer not null, spec text not null,
    primary key (name, version)) strict;
create table changes (count integer not null) strict;
insert into changes values (7);
"""


def old_spec(version: str, **changed: object) -> str:
    said = {
        "name": "m", "version": version, "url": "m.mar", "archive": "m.mar", "size": 10, "handler": "h.py",
        "runtime": "python", "batch_size": 1, "max_batch_delay": 100, "response_timeout": 120, "startup_timeout": 120,
        "max_retry_timeout": 300, "client_timeout": 0, "queue_capacity": 100, "config_file": "", "model_config": {},
        "loaded_at_startup": False, "batching": {}, "idle_unload": None, "s3_sse_kms": False, "s3_profile": None,
    }  # fmt: skip
    return json.dumps({**said, **changed})


def write_old(path: Path, *specs: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(OLD_FORM)
        for number, text in enumerate(specs, 1):
            database.execute(
                "insert into versions values ('m', ?, ?, ?, 1, 2, ?)", (str(number), number, number == 2, text)
            )


def test_an_earlier_record_is_taken_over_without_the_values_of_settings(path: Path) -> None:
    write_old(
        path,
        old_spec("1", batch_size=8, response_timeout=7, model_config={"responseTimeout": 7}),
        old_spec("2", runtime="LSP", s3_profile="p"),
    )
    found, notices = look(path)
    assert [one.registration for one in found] == [
        Registration("m.mar", model_name="m", handler="h.py", batch_size=8),
        Registration("m.mar", model_name="m", handler="h.py", runtime="LSP", s3_profile="p"),
    ]
    assert [(one.target, one.is_default) for one in found] == [(Target(1, 2), False), (Target(1, 2), True)]
    assert notices == ()
    assert look(path) == (found, ())
    assert len(list(path.parent.glob("marina.sqlite.old-*"))) == 1


def test_a_row_of_an_earlier_record_that_cannot_be_read_comes_from_its_copy(path: Path) -> None:
    write_old(copy_of(path), old_spec("1"), old_spec("2"))
    write_old(path, old_spec("1", batch_size="many"), old_spec("2"))
    found, notices = look(path)
    assert [one.key.version for one in found] == ["1", "2"]
    assert "m 1 cannot be read" in notices[0]


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


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes there")
def test_a_change_that_cannot_be_written_is_refused_and_not_there(path: Path) -> None:
    async def too_large(store: Store) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
        try:
            with pytest.raises(StoreError, match="cannot be written"):
                await store.add(saved("m", "3", handler="h" * 200_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await store.add(TWO)

    change(path, lambda s: s.add(ONE), too_large)
    assert read(path) == [ONE, TWO]
