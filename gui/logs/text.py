"""Lines of a log as text: on the screen, on the clipboard and in a file. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gui.logs.levels import Level
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.snapshots import LogLine
    from gui.logs.book import Row


def _local(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC).astimezone()


def clock(time: float) -> str:
    """Local time to the millisecond: "23:10:15.123"."""
    return _local(time).time().isoformat("milliseconds")


def stamp(time: float) -> str:
    """Local day, time to the millisecond, and how far that is from UTC."""
    return _local(time).isoformat(" ", "milliseconds")


def level_name(level: Level) -> str:
    """The level's word: "Warning"."""
    return tr(level.name.capitalize())


def plain(line: LogLine) -> str:
    """The whole line, with when, which worker and where, parted by tabs."""
    return f"{stamp(line.time)}\t{line.worker}\t{line.stream}\t{line.text}"


def plain_text(rows: Iterable[Row]) -> str:
    """The rows as the text of a file. For many rows it belongs in a thread."""
    return "".join(f"{plain(row.line)}\n" for row in rows)
