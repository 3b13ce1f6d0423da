"""The columns of each table: title, alignment and first width. Pure, no Qt.

The order is that of the cells in `gui.tables.records` and `gui.tables.model_cells`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `width` is in average characters, `numeric` puts it to the right, one per table `stretches`.

    `name` is what the chooser of columns says where the title is too short for it, `tip` what the header's tool tip
    says; a `hidden` one shows when it is chosen.
    """

    title: str
    width: int
    numeric: bool = False
    stretches: bool = False
    hidden: bool = False
    name: str = ""
    tip: str = ""


MODELS = (
    Column("Model", 40),
    Column("State", 40, stretches=True),
    Column("Workers", 14, numeric=True),
    Column("Device", 14),
    Column("Queue", 13, numeric=True),
    Column("Requests/s", 18, numeric=True),
    Column(
        "Last 30 s", 17, name="Recent requests", tip="Requests/s in the last 30 seconds: their shape, not their size"
    ),
    Column(
        "p95, ms",
        15,
        numeric=True,
        tip="95 % of the last requests took no longer than this; a model's is that of its slowest version",
    ),
    Column("Memory", 16, numeric=True),
    Column("GPU memory", 20, numeric=True, hidden=True),
    Column("Versions", 15, numeric=True, hidden=True),
    Column("Answered", 17, numeric=True, hidden=True),
    Column("Failed", 14, numeric=True, hidden=True),
    Column("Restarts", 15, numeric=True, hidden=True),
    Column("Last death", 36, hidden=True),
)

WORKERS = (
    Column("Worker", 15),
    Column("State", 22),
    Column("Pid", 13, numeric=True),
    Column("Device", 15),
    Column("GPU memory", 20, numeric=True),
    Column("Memory", 15, numeric=True),
    Column("Uptime", 17, numeric=True),
    Column("Restarts", 16, numeric=True),
    Column("Requests", 17, numeric=True),
    Column("Last death", 40, stretches=True),
)

QUEUES = (
    Column("Queue", 30, stretches=True),
    Column("Pending", 14, numeric=True),
    Column("Capacity", 14, numeric=True),
    Column("In flight", 14, numeric=True),
    Column("Accepted", 16, numeric=True),
    Column("Answered", 16, numeric=True),
    Column("Failed", 14, numeric=True),
)

NAME, STATE = 0, 1
