"""The record that survives a crash: registered versions, default versions and targets, in one SQLite database.

Every call runs in the store's own single thread; when it returns, the change is on the disk. The database is locked for
as long as it is open, so a second Marina with the same home is refused instead of writing over the first one's record.
A copy lies beside it. A record that is damaged in any way is put together again from both, row by row.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import sqlite3
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.errors import StoreError
from engine.record import database as databases
from engine.record.rows import Reading, Row, SavedVersion, changed, merge, row_of
from engine.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from engine.record.rows import Merged
    from engine.registry.records import Target
    from engine.snapshots import Key

log = logging.getLogger(__name__)

# Errors of SQLite that are not about what the file holds; another Marina, or the machine, is in the way.
NO_DAMAGE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}


class Store:
    """The record at `path`. Open it before anything else; raises StoreError when it cannot be used.

    `notices` say in sentences what was repaired or set aside when it was opened. `archives` are the file names in the
    model store that recorded versions need, whether they came back or not.
    """

    def __init__(self, path: Path) -> None:
        """`path` None-existing is fine: the record starts empty."""
        self.notices: tuple[str, ...] = ()
        self.archives: frozenset[str] = frozenset()
        self._path = path
        self._copy_path = path.with_name(f"{path.name}.copy")
        self._thread = Threads("marina-store", 1)
        self._database: sqlite3.Connection | None = None
        self._rows: dict[Key, Row] = {}
        self._changes = 0

    async def open(self) -> list[SavedVersion]:
        """Open and lock the record and return what it holds, oldest registration first.

        Damage does not keep Marina from starting: what can be read of the record and of its copy is put together, the
        damaged file is set aside, and `notices` and the log name it. A row that is not understood stays recorded and
        is named too. Raises StoreError when another Marina has the record, or the disk cannot be used.
        """
        return await self._thread.run(self._open)

    @property
    def was_used(self) -> bool:
        """Whether a change was ever recorded."""
        return self._changes > 0

    def holds(self, key: Key) -> bool:
        """Whether this version is recorded."""
        return key in self._rows

    async def add(self, saved: SavedVersion) -> None:
        """Record a new version, in the place of one with the same name and version."""

        def change(rows: dict[Key, Row]) -> None:
            rows.pop(saved.key, None)
            rows[saved.key] = row_of(max((row.position for row in rows.values()), default=0) + 1, saved)

        await self._thread.run(self._write, change)

    async def remove(self, key: Key) -> None:
        """Forget a version."""
        await self._thread.run(self._write, lambda rows: rows.pop(key, None))

    async def set_default(self, key: Key) -> None:
        """Record that `key` is its model's default version."""

        def change(rows: dict[Key, Row]) -> None:
            of_model = [row for row in rows.values() if row.name == key.name]
            rows.update({row.key: changed(row, is_default=row.key == key) for row in of_model})

        await self._thread.run(self._write, change)

    async def set_target(self, key: Key, target: Target) -> None:
        """Record how many workers a version should have."""
        await self._thread.run(
            self._write, lambda rows: rows.update({key: changed(rows[key], target=target)} if key in rows else {})
        )

    async def close(self) -> None:
        """Unlock the record. Safe to call twice."""
        if self._database is not None:
            await self._thread.run(self._database.close)
            self._database = None
        self._thread.close()

    def _open(self) -> list[SavedVersion]:
        record, copy = self._read_record(), databases.read_file(self._copy_path)
        is_good = not record.damage and not record.old and copy.changes <= record.changes
        if not is_good:
            record = self._put_together(record, copy)
        elif copy.damage or copy.changes != record.changes:
            self._note(_notices_of_copy(record, copy, self._copy_path))
            self._keep_copy()
        self._hold(record.rows, record.changes)
        return self._decoded(record.rows)

    def _read_record(self) -> Reading:
        try:
            self._database = databases.connect(self._path)
        except databases.UNREADABLE as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in NO_DAMAGE and not self._path.is_dir():
                raise StoreError(
                    f"The record of models at {self._path} cannot be opened: {error}. "
                    "If another Marina is running with this home, use that one or set MARINA_HOME to another folder."
                ) from None
            return replace(databases.read_file(self._path), damage=str(error))
        return databases.read(self._database)

    def _put_together(self, record: Reading, copy: Reading) -> Reading:
        """Write the record anew from what can be read; the copy is written first, so that a crash loses nothing."""
        merged = merge(record, copy)
        if self._database is not None:
            self._database.close()
            self._database = None
        fresh = self._path.with_name(f"{self._path.name}.repaired")
        try:
            fresh.unlink(missing_ok=True)
            databases.create(fresh, merged.rows, merged.changes)
            self._replace_copy(lambda place: shutil.copyfile(fresh, place))
            aside = self._set_aside("old" if record.old and not record.damage else "damaged")
            fresh.replace(self._path)
            self._database = databases.connect(self._path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The record of models at {self._path} is damaged and cannot be repaired: {error}. "
                "Make room on the disk and let this user write there, then start again."
            ) from None
        self._note(_notices_of_repair(record, copy, merged, self._path, aside))
        return databases.read(self._database)

    def _set_aside(self, why: str) -> Path | None:
        """Rename the record's files to names that are free; returns the first one's, None when there was nothing."""
        stem = f"{self._path.name}.{why}-{time.strftime('%Y%m%d-%H%M%S')}"
        names = (stem if number == 1 else f"{stem}-{number}" for number in itertools.count(1))
        aside = next(path for name in names if not os.path.lexists(path := self._path.with_name(name)))
        for suffix in ("-wal", "-shm", ""):
            part = self._path.with_name(self._path.name + suffix)
            if os.path.lexists(part):
                part.rename(aside.with_name(aside.name + suffix))
        return aside if os.path.lexists(aside) else None

    def _decoded(self, rows: Iterable[Row]) -> list[SavedVersion]:
        saved = []
        for row in rows:
            try:
                saved.append(row.decode())
            except ValueError as error:
                about = f"The record of {row.name} {row.version} is not understood: {error}."
                self._note([f"{about} The model is not brought back; it stays recorded."])
        return saved

    def _note(self, notices: Iterable[str]) -> None:
        for notice in notices:
            log.error("%s", notice)
            self.notices = (*self.notices, notice)

    def _hold(self, rows: Iterable[Row], changes: int) -> None:
        self._rows, self._changes = {row.key: row for row in rows}, changes
        self.archives = frozenset(_archives(self._rows.values()))

    def _write(self, change: Callable[[dict[Key, Row]], object]) -> None:
        if self._database is None:
            raise StoreError(f"The record of models at {self._path} is not open.")
        rows = dict(self._rows)
        change(rows)
        try:
            databases.write(self._database, set(self._rows.values()), set(rows.values()), self._changes + 1)
        except sqlite3.Error as error:
            raise StoreError(f"The record of models at {self._path} cannot be written: {error}") from None
        self._hold(rows.values(), self._changes + 1)
        self._keep_copy()

    def _keep_copy(self) -> None:
        if (database := self._database) is not None:
            self._replace_copy(lambda place: databases.back_up(database, place))

    def _replace_copy(self, write: Callable[[Path], object]) -> None:
        """Write the copy anew, in one step; that it cannot be written is no reason to refuse a change."""
        fresh = self._copy_path.with_suffix(".fresh")
        try:
            fresh.unlink(missing_ok=True)
            write(fresh)
            fresh.replace(self._copy_path)
        except (sqlite3.Error, OSError) as error:
            log.warning("The copy of the record of models cannot be written: %s", error)


def _archives(rows: Iterable[Row]) -> Iterable[str]:
    for row in rows:
        try:
            yield row.decode().archive
        except ValueError:
            continue


def _notices_of_copy(record: Reading, copy: Reading, path: Path) -> list[str]:
    """Say what happened to the copy of a record that is whole; an older one only tells that Marina was killed."""
    if copy.damage and record.changes:
        return [f"The copy of the record of models, {path}, was damaged ({copy.damage}). It was written anew."]
    return []


def _notices_of_repair(record: Reading, copy: Reading, merged: Merged, path: Path, aside: Path | None) -> list[str]:
    """Say what was wrong with the record, what became of it, and which versions are not as they were."""
    where = f" The old file is kept as {aside}." if aside else ""
    if record.old and not record.damage and copy.changes <= record.changes:
        log.info("The record of models was written anew in today's form.%s", where)
        return []
    what = record.damage or "its last changes were missing"
    notices = [f"The record of models, {path}, was damaged ({what}). It was repaired from its copy.{where}"]
    if copy.damage:
        kept = f"Whatever could still be read was kept: {len(merged.rows)} versions.{where}"
        notices = [f"The record of models, {path}, and its copy were damaged ({what}; {copy.damage}). {kept}"]
    notices += [f"{key.name} {key.version} is as it was before its last change." for key in merged.older]
    notices += [f"{key.name} {key.version} could not be recovered. Register it again." for key in merged.lost]
    return notices
