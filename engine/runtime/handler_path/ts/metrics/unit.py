"""Short unit names and what they stand for."""

from __future__ import annotations

from typing import ClassVar


class Units:
    """`Units().units` maps the names that handlers use to the labels that metrics carry."""

    units: ClassVar[dict[str | None, str]] = {
        "ms": "Milliseconds",
        "s": "Seconds",
        "percent": "Percent",
        "count": "Count",
        "MB": "Megabytes",
        "GB": "Gigabytes",
        "kB": "Kilobytes",
        "B": "Bytes",
        "": "unit",
        None: "unit",
    }
