"""Records of earlier Marinas: no checksums, and values of the settings among those that callers gave. Blocking.

Such a record is read once and written anew. A value that is a default of that time, or that the archive says, counts
as not said by the caller; the others are kept as the caller's.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from engine.record.rows import Reading, Row, SavedVersion, row_of
from engine.registration import Registration
from engine.registry.records import Target
from engine.snapshots import Key

TABLES = {b"versions", b"changes"}
# Per value: the key of model-config.yaml that says it, and the default.
_VALUES = {
    "batch_size": ("batchSize", 1),
    "max_batch_delay": ("maxBatchDelay", 100),
    "response_timeout": ("responseTimeout", 120),
    "startup_timeout": ("startupTimeout", 120),
}
_QUERY = "select position, name, version, spec, min_workers, max_workers, is_default from versions order by position"


def read(database: sqlite3.Connection) -> Reading:
    """Return the versions in today's form; those that cannot be read are listed without a checksum."""
    ((changes,),) = database.execute("select count from changes").fetchall()
    rows: list[Row] = []
    listed: list[tuple[Key, str]] = []
    damage = ""
    for position, name, version, text, *rest in database.execute(_QUERY):
        key = Key(name.decode(errors="replace"), version.decode(errors="replace"))
        try:
            row = row_of(position, _saved(key, msgspec.json.decode(text), *rest))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            damage = damage or f"{key.name} {key.version} cannot be read: {error}"
            listed.append((key, ""))
        else:
            rows.append(row)
            listed.append((key, row.digest))
    return Reading(int(changes), tuple(listed), tuple(rows), damage, old=True)


def _saved(key: Key, spec: dict[str, Any], least: int, most: int, is_default: int) -> SavedVersion:
    if Key(spec["name"], spec["version"]) != key:
        raise ValueError("it is about another version")
    said = {name: spec[name] for name, where in _VALUES.items() if not _is_unsaid(spec, name, *where)}
    registration = Registration(
        url=spec["url"],
        model_name=key.name,
        handler=spec["handler"],
        runtime=None if spec["runtime"] == "python" else spec["runtime"],
        s3_sse_kms=spec.get("s3_sse_kms", False),
        s3_profile=spec.get("s3_profile"),
        **said,
    )
    saved = SavedVersion(
        key, spec["archive"], registration, spec["loaded_at_startup"], bool(is_default), Target(least, most)
    )
    # Damaged values may have any type.
    return msgspec.convert(msgspec.to_builtins(saved), SavedVersion)


def _is_unsaid(spec: dict[str, Any], name: str, key: str, default: int) -> bool:
    return spec[name] in (default, spec["model_config"].get(key))
