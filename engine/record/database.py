"""The record in SQLite: made, locked, read with every check there is, and written. Blocking: the store's thread.

SQLite has no checksums of its own. Each row has one, and the single row of `state` lists the rows there should be, so
that a row that is changed, lost or brought back by damage is noticed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from engine.record import old_form
from engine.record.rows import Reading, Row, digest_of
from engine.snapshots import Key

# As SQLite writes them down, so that they can be compared.
STATE = "CREATE TABLE state (content text not null, digest text not null) strict"
MODELS = (
    "CREATE TABLE models (position integer primary key, name text not null, version text not null, "
    "content text not null, digest text not null) strict"
)
TABLES = (STATE, MODELS)
# What damaged files have been seen to raise; a damaged length asks for more memory than there is.
UNREADABLE = (sqlite3.Error, ValueError, TypeError, OverflowError, MemoryError)


def connect(path: Path) -> sqlite3.Connection:
    """Open and lock the record, and make the tables of a new one. Raises what UNREADABLE lists."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        database.execute("pragma locking_mode = exclusive")
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = full")
        database.execute("begin exclusive")
        if database.execute("select count(*) from sqlite_master").fetchone() == (0,):
            _fill(database, (), 0)
        database.execute("commit")
    except BaseException:
        database.close()
        raise
    return database


def create(path: Path, rows: Iterable[Row], changes: int) -> None:
    """Make a database of these rows where none is, safe on the disk when this returns."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("pragma synchronous = full")
        database.execute("begin exclusive")
        _fill(database, tuple(rows), changes)
        database.execute("commit")


def write(database: sqlite3.Connection, before: set[Row], after: set[Row], changes: int) -> None:
    """Write what differs, in one transaction. Raises sqlite3.Error; then nothing is written."""
    database.execute("begin immediate")
    try:
        gone = [(row.position,) for row in before - after]
        database.executemany("delete from models where position = ?", gone)
        _insert(database, after - before)
        database.execute("delete from state")
        _insert_state(database, after, changes)
        database.execute("commit")
    except BaseException:
        if database.in_transaction:
            database.execute("rollback")
        raise


def back_up(database: sqlite3.Connection, path: Path) -> None:
    """Write the whole database to another file."""
    with closing(sqlite3.connect(path)) as copy:
        database.backup(copy)


def read(database: sqlite3.Connection) -> Reading:
    """Return what can be read. Never raises for damage."""
    # Text that is no UTF-8 would end a query; as bytes it fails its checksum alone.
    database.text_factory = bytes
    try:
        tables = {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
        return old_form.read(database) if tables >= old_form.TABLES else _read(database)
    except UNREADABLE as error:
        return Reading(damage=str(error))


def read_file(path: Path) -> Reading:
    """Return what can be read of a file that no connection is open to, without changing it."""
    if not path.is_file():
        return Reading(damage="it is not there")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            return read(database)
    except UNREADABLE as error:
        return Reading(damage=str(error))


def _read(database: sqlite3.Connection) -> Reading:
    damage = _examine(database)
    rows: list[Row | None] = []
    changes, listed = -1, None
    try:
        changes, listed = _state(database)
        found = database.execute("select position, name, version, content, digest from models order by position")
        rows.extend(_row(*values) for values in found)
    except UNREADABLE as error:
        damage = damage or str(error)
    if not damage and listed != tuple(row and (row.key, row.digest) for row in rows):
        damage = "a version's checksum is wrong"
    return Reading(changes, listed, tuple(filter(None, rows)), damage)


def _examine(database: sqlite3.Connection) -> str:
    """Return what is wrong with the form of the database, "" for nothing."""
    try:
        tables = database.execute("select sql from sqlite_master order by rowid").fetchall()
        if tables != [(table.encode(),) for table in TABLES]:
            return "its tables are not as they were made"
        (verdict,) = database.execute("pragma integrity_check(1)").fetchone()
    except UNREADABLE as error:
        return str(error)
    return "" if verdict == b"ok" else verdict.decode(errors="replace")


def _state(database: sqlite3.Connection) -> tuple[int, tuple[tuple[Key, str], ...]]:
    """Return the number of changes and the rows that should be there; raises ValueError when that is damaged."""
    ((content, digest),) = database.execute("select content, digest from state").fetchall()
    if digest != digest_of(content).encode():
        raise ValueError("the checksum of its list of versions is wrong")
    changes, listed = msgspec.json.decode(content, type=tuple[int, tuple[tuple[Key, str], ...]])
    return changes, listed


def _row(position: Any, name: Any, version: Any, content: Any, digest: Any) -> Row | None:
    """Return the row when its checksum is right; damage can give a column any type."""
    try:
        row = Row(position, name.decode(), version.decode(), content)
        return row if row.digest.encode() == digest else None
    except (AttributeError, TypeError, ValueError):
        return None


def _fill(database: sqlite3.Connection, rows: tuple[Row, ...], changes: int) -> None:
    for table in TABLES:
        database.execute(table)
    _insert(database, rows)
    _insert_state(database, rows, changes)


def _insert(database: sqlite3.Connection, rows: Iterable[Row]) -> None:
    values = [(row.position, row.name, row.version, row.content.decode(), row.digest) for row in rows]
    database.executemany("insert into models values (?, ?, ?, ?, ?)", values)


def _insert_state(database: sqlite3.Connection, rows: Iterable[Row], changes: int) -> None:
    content = msgspec.json.encode((changes, [(row.key, row.digest) for row in sorted(rows)]))
    database.execute("insert into state values (?, ?)", (content.decode(), digest_of(content)))
