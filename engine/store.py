"""The record that survives a crash: registered versions, default versions and targets, in one SQLite database.

Every call runs in the store's own single thread; when it returns, the change is on the disk. The database is locked for
as long as it is open, so a second Marina with the same home is refused instead of writing over the first one's record.
"""

from __future__ import annotations

import logging
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
"""


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
        self._thread = Threads("marina-store", 1)
        self._database: sqlite3.Connection | None = None

    async def open(self) -> list[SavedVersion]:
        """Open and lock the record and return what it holds, oldest registration first.

        A damaged database is set aside under a name of its own and named in the log; the record then starts empty.
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
        try:
            return self._connect()
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"The record of models at {self._path} cannot be opened: {error}. "
                "If another Marina is running with this home, use that one or set MARINA_HOME to another folder."
            ) from None
        except (sqlite3.DatabaseError, msgspec.ValidationError, msgspec.DecodeError) as error:
            self._set_aside(error)
            return self._connect()

    def _connect(self) -> list[SavedVersion]:
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=1.0)
        try:
            database.execute("pragma locking_mode = exclusive")
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = full")
            database.executescript(f"begin exclusive; {SCHEMA} commit;")
            saved = _read(database)
        except BaseException:
            database.close()
            raise
        self._database = database
        return saved

    def _set_aside(self, error: Exception) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        log.error(
            "The record of models is damaged (%s). It was set aside as %s; Marina starts without it.", error, aside
        )

    def _write(self, change: Callable[[sqlite3.Connection], object]) -> None:
        if self._database is None:
            raise StoreError(f"The record of models at {self._path} is not open.")
        try:
            change(self._database)
        except sqlite3.Error as error:
            raise StoreError(f"The record of models at {self._path} cannot be written: {error}") from None


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


def _read(database: sqlite3.Connection) -> list[SavedVersion]:
    query = "select spec, min_workers, max_workers, is_default from versions order by position"
    with closing(database.execute(query)) as rows:
        return [
            SavedVersion(msgspec.json.decode(spec, type=VersionSpec), Target(least, most), bool(is_default))
            for spec, least, most, is_default in rows
        ]
