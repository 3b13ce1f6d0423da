"""What the record holds about a version, and its row: text with a checksum, so that no damage passes unseen. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from engine.registration import Registration
from engine.registry.records import Target
from engine.snapshots import Key


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """A version as it is recorded: what was said about it, and nothing that settings or the archive decide.

    `archive` is the file name in the model store. `registration` is what the caller said. `target` is how many workers
    a later call or a snapshot asked for, None as long as none did; then registration, archive and settings decide.
    """

    key: Key
    archive: str
    registration: Registration
    loaded_at_startup: bool = False
    is_default: bool = False
    target: Target | None = None


class Row(NamedTuple):
    """One version in the database. `content` is a SavedVersion as JSON; rows are in the order of `position`."""

    position: int
    name: str
    version: str
    content: bytes

    @property
    def key(self) -> Key:
        """The version's identity."""
        return Key(self.name, self.version)

    @property
    def digest(self) -> str:
        """The checksum over everything else."""
        return digest_of(str(self.position).encode(), self.name.encode(), self.version.encode(), self.content)

    def decode(self) -> SavedVersion:
        """Return what the row says; raises ValueError when it is not understood."""
        try:
            saved = msgspec.json.decode(self.content, type=SavedVersion)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise ValueError(str(error)) from error
        if saved.key != self.key:
            raise ValueError(f"it is about {saved.key.name} {saved.key.version}")
        return saved


def row_of(position: int, saved: SavedVersion) -> Row:
    """Return the row of a version."""
    return Row(position, saved.key.name, saved.key.version, msgspec.json.encode(saved))


def changed(row: Row, **values: bool | Target) -> Row:
    """Return the row with other values of its SavedVersion; one that is not understood stays as it is."""
    try:
        saved = row.decode()
    except ValueError:
        return row
    return row_of(row.position, replace(saved, **values))  # type: ignore[arg-type]


def digest_of(*parts: bytes) -> str:
    """Return a checksum over the parts and their lengths."""
    summed = blake2b(digest_size=16)
    for part in parts:
        summed.update(b"%d:" % len(part))
        summed.update(part)
    return summed.hexdigest()


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read of a database.

    `changes` is how often it was changed, and `listed` names every row that it should have, with its checksum; -1 and
    None when that cannot be read. `rows` are those whose checksum is right. `damage` is what is wrong, "" for nothing.
    `old` says that it has the form without checksums.
    """

    changes: int = -1
    listed: tuple[tuple[Key, str], ...] | None = None
    rows: tuple[Row, ...] = ()
    damage: str = ""
    old: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """The best of two readings, and what it lacks.

    `older` are versions of which only an older row is left; `lost` those of which none is.
    """

    rows: tuple[Row, ...]
    changes: int
    older: tuple[Key, ...] = ()
    lost: tuple[Key, ...] = ()


def merge(record: Reading, copy: Reading) -> Merged:
    """Return the rows that the newer one lists, each from wherever it can be read; the record goes first."""
    found = [*record.rows, *copy.rows]
    newest = max(record, copy, key=lambda reading: reading.changes)
    if newest.listed is None:
        rows = {row.key: row for row in reversed(found)}
        return Merged(_numbered(sorted(rows.values())), 1)
    exact = {(row.key, row.digest): row for row in reversed(found)}
    any_row = {row.key: row for row in reversed(found)}
    rows_found, older, lost = [], [], []
    for key, digest in newest.listed:
        row = exact.get((key, digest)) or any_row.get(key)
        if row is None:
            lost.append(key)
            continue
        rows_found.append(row)
        if row.digest != digest:
            older.append(key)
    return Merged(_numbered(rows_found), newest.changes + 1, tuple(older), tuple(lost))


def _numbered(rows: list[Row]) -> tuple[Row, ...]:
    return tuple(row._replace(position=position) for position, row in enumerate(rows, 1))
