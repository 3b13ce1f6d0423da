"""GET /acts: archives on their way in, for scripts that want to know how far they are. Marina's own. On the loop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.snapshots import Act


def list_acts(engine: Engine, _given: dict[str, Any]) -> tuple[int, Any]:
    """GET /acts: every long act that goes on now, oldest first."""
    now = time.time()
    return 200, {"acts": [_described(act, now) for act in engine.acts()]}


def _described(act: Act, now: float) -> dict[str, Any]:
    """Return an act; `total` is 0 and `secondsLeft` missing while nobody knows how much there is."""
    step, seconds = act.progress, now - (act.phase_started or act.started)
    rate = int(step.done / seconds) if seconds > 0 else 0
    left = {"secondsLeft": max(step.total - step.done, 0) // rate} if step.total and rate else {}
    return {
        "id": act.id,
        "title": act.title,
        "started": int(act.started),
        "phase": step.phase,
        "done": step.done,
        "total": step.total,
        "bytesPerSecond": rate,
        **left,
    }
