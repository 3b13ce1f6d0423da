"""The drawing of a worker's life in the documents is that of the table."""

from __future__ import annotations

from engine.workers.lifecycle import Life
from tests.support.diagram import COMMAND, DOCUMENT, draw, drawn_in


def test_the_drawing_in_the_documents_is_up_to_date() -> None:
    _, drawing, _ = drawn_in(DOCUMENT.read_text(encoding="utf-8"))
    assert drawing == draw(), f"the life cycle has changed; draw it again: {COMMAND}"


def test_the_drawing_shows_every_transition_and_both_ends_of_a_failure() -> None:
    lines = draw().splitlines()
    for state, event in Life.TRANSITIONS:
        word = state.replace(" ", "_")
        assert any(line.startswith(f"    {word} --> ") and event.__name__ in line for line in lines), (state, event)
    assert "    ready --> backing_off: Broken, Exited" in lines
    assert "    ready --> failed: Broken, Exited" in lines
