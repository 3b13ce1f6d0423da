"""The diagram of a worker's life in docs/architecture.md, drawn from the table of transitions.

`python -m tests.support.diagram` in the repository's root writes it again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from engine.snapshots import WorkerState
from engine.workers.lifecycle import Life, Limits

COMMAND = "python -m tests.support.diagram"
DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"
BEGIN = f"<!-- drawn by `{COMMAND}` -->\n"
END = "<!-- end of the drawing -->\n"
# A failure leads elsewhere once failures have outlasted the retry window: both are tried.
WINDOWS = (300.0, 0.0)


def draw() -> str:
    """Return every transition as a state diagram in Mermaid; events with one way between two states share an arrow."""
    arrows: dict[tuple[WorkerState, WorkerState], list[str]] = defaultdict(list)
    for state, event in Life.TRANSITIONS:
        for after in dict.fromkeys(_after(state, event, window) for window in WINDOWS):
            arrows[state, after].append(event.__name__)
    names = [f'    state "{state}" as {_word(state)}' for state in WorkerState]
    lines = [f"    {_word(start)} --> {_word(end)}: {', '.join(events)}" for (start, end), events in arrows.items()]
    ends = [f"    [*] --> {_word(WorkerState.STARTING)}", f"    {_word(WorkerState.STOPPED)} --> [*]"]
    return "\n".join(["```mermaid", "stateDiagram-v2", *names, *ends, *lines, "```", ""])


def drawn_in(document: str) -> tuple[str, str, str]:
    """Return what stands before, between and after the two markers."""
    before, _, rest = document.partition(BEGIN)
    drawing, _, after = rest.partition(END)
    return before, drawing, after


def _after(state: WorkerState, event: Any, window: float) -> WorkerState:
    life = Life("any", Limits(120, window))
    life.state = state
    required = [field for field in fields(event) if field.default is MISSING]
    life.handle(event(*[0 for _ in required]), now=0)
    return life.state


def _word(state: WorkerState) -> str:
    return state.replace(" ", "_")


if __name__ == "__main__":
    head, _, tail = drawn_in(DOCUMENT.read_text(encoding="utf-8"))
    DOCUMENT.write_text(head + BEGIN + draw() + END + tail, encoding="utf-8")
