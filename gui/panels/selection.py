"""What the details are about: handed to each of their pages. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gui.tables.records import ModelRecord, VersionRecord


class Selection(NamedTuple):
    """A version, its model, and the URLs of the server's APIs by name."""

    model: ModelRecord
    version: VersionRecord
    addresses: Mapping[str, str]
