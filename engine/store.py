"""The record that survives a crash: registered versions, default versions and targets, in one SQLite database.

Every call runs in the store's own single thread; when it returns, the change is on the disk. The database is locked for
as long as it is open, so a second Marina with the same home is refused instead of writing over the first one's record.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.errors import StoreError
from engine.registry.records import Target, VersionSpec
from engine.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.snapshots import Key

log = logging.getLogger(__name__)

SCHEMA = """
create table if not exists versions (
    name text not null,
    version text not null,
    position integer not null,
    is_default integer not null,
    min_workers integer not null,
    max_workers integer not null,
    spec text not null,
    primary key (name, version)
) strict;
create table if not exists changes (count integer not null) strict;
insert into changes select 0 where not exists (select * from changes);
"""
DAMAGE = (sqlite3.DatabaseError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """A version as it was recorded."""

    spec: VersionSpec
    target: Target
    is_default: bool


class Store:
    """The record at `path`. Open it before anything else; raises StoreError when it cannot be used."""

    def __init__(self, path: Path) -> None:
        """`path` None-existing is fine: the record starts empty."""
        self._path = path
        self._copy_path = path.with_name(f"{path.name}.copy")
        self._thread = Threads("marina-store", 1)
        self._database: sqlite3.Connection | None = None

    async def open(self) -> list[SavedVersion]:
        """Open and lock the record and return what it holds, oldest registration first.

        A damaged database is set aside under a name of its own and named in the log; the copy takes its place, or
        without one the record starts empty. A single version that cannot be read is named in the log and left out.
        """
        return await self._thread.run(self._open)

    async def add(self, saved: SavedVersion) -> None:
        """Record a new version."""
        await self._thread.run(self._write, lambda database: _insert(database, saved))

    async def remove(self, key: Key) -> None:
        """Forget a version."""
        await self._thread.run(
            self._write, lambda database: database.execute("delete from versions where name = ? and version = ?", key)
        )

    async def set_default(self, key: Key) -> None:
        """Record that `key` is its model's default version."""
        statement = "update versions set is_default = (version = ?) where name = ?"
        await self._thread.run(self._write, lambda database: database.execute(statement, (key.version, key.name)))

    async def set_target(self, key: Key, target: Target) -> None:
        """Record how many workers a version should have."""
        statement = "update versions set min_workers = ?, max_workers = ? where name = ? and version = ?"
        values = (target.min_workers, target.max_workers, *key)
        await self._thread.run(self._write, lambda database: database.execute(statement, values))

    async def close(self) -> None:
        """Unlock the record. Safe to call twice."""
        if self._database is not None:
            await self._thread.run(self._database.close)
            self._database = None
        self._thread.close()

    def _open(self) -> list[SavedVersion]:
        found, copied = self._find(), _read_copy(self._copy_path)
        if found is None or (copied is not None and copied.is_better_than(found)):
            self._set_aside(instead="the copy of the last change" if copied else "an empty one")
            if copied:
                shutil.copyfile(self._copy_path, self._path)
            found = self._connect()
        for row in found.unreadable:
            log.error("The record of %s cannot be read; it stays where it is, and the model is not brought back.", row)
        if copied is None or copied.changes != found.changes:
            self._keep_copy()
        return found.saved

    def _find(self) -> _Content | None:
        """Open the database and read it, None when it is damaged."""
        try:
            return self._connect()
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"The record of models at {self._path} cannot be opened: {error}. "
                "If another Marina is running with this home, use that one or set MARINA_HOME to another folder."
            ) from None
        except DAMAGE as error:
            log.error("The record of models is damaged: %s", error)
            return None

    def _connect(self) -> _Content:
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=1.0)
        try:
            database.execute("pragma locking_mode = exclusive")
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = full")
            database.executescript(f"begin exclusive; {SCHEMA} commit;")
            found = _read(database)
        except BaseException:
            database.close()
            raise
        self._database = database
        return found

    def _set_aside(self, instead: str) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        aside = self._path.with_name(f"{self._path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        log.error("The record of models was set aside as %s; Marina starts with %s.", aside, instead)

    def _write(self, change: Callable[[sqlite3.Connection], object]) -> None:
        database = self._database
        if database is None:
            raise StoreError(f"The record of models at {self._path} is not open.")
        try:
            database.execute("begin immediate")
            try:
                change(database)
                database.execute("update changes set count = count + 1")
                database.execute("commit")
            except BaseException:
                if database.in_transaction:
                    database.execute("rollback")
                raise
        except sqlite3.Error as error:
            raise StoreError(f"The record of models at {self._path} cannot be written: {error}") from None
        self._keep_copy()

    def _keep_copy(self) -> None:
        """Write the copy anew, in one step; that it cannot be written is no reason to refuse a change."""
        database, fresh = self._database, self._copy_path.with_suffix(".fresh")
        if database is None:
            return
        try:
            fresh.unlink(missing_ok=True)
            with closing(sqlite3.connect(fresh)) as copy:
                database.backup(copy)
            fresh.replace(self._copy_path)
        except (sqlite3.Error, OSError) as error:
            log.warning("The copy of the record of models cannot be written: %s", error)


@dataclass(frozen=True, slots=True)
class _Content:
    """What a database holds: versions, the names of rows that cannot be read, and how often it was changed."""

    saved: list[SavedVersion]
    unreadable: list[str]
    changes: int

    def is_better_than(self, other: _Content) -> bool:
        """Whether this has changes that the other lacks, or the same ones and reads better."""
        return (self.changes, -len(self.unreadable)) > (other.changes, -len(other.unreadable))


def _read_copy(path: Path) -> _Content | None:
    """Read the copy without changing it, None when there is none that can be read."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as database:
            return _read(database)
    except DAMAGE:
        return None


def _insert(database: sqlite3.Connection, saved: SavedVersion) -> None:
    database.execute(
        "insert or replace into versions "
        "values (?, ?, (select coalesce(max(position), 0) + 1 from versions), ?, ?, ?, ?)",
        (
            *saved.spec.key,
            saved.is_default,
            saved.target.min_workers,
            saved.target.max_workers,
            msgspec.json.encode(saved.spec).decode(),
        ),
    )


def _read(database: sqlite3.Connection) -> _Content:
    saved, unreadable = [], []
    query = "select name, version, spec, min_workers, max_workers, is_default from versions order by position"
    with closing(database.execute(query)) as rows:
        for name, version, text, least, most, is_default in rows:
            try:
                spec = msgspec.json.decode(text, type=VersionSpec)
            except (msgspec.ValidationError, msgspec.DecodeError):
                unreadable.append(f"{name} {version}")
            else:
                saved.append(SavedVersion(spec, Target(least, most), bool(is_default)))
    (changes,) = database.execute("select count from changes").fetchone()
    return _Content(saved, unreadable, changes)
