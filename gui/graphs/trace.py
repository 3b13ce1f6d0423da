"""One line of a graph: its values and its colour. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor

    from engine.snapshots import VersionState
    from gui.theme import Tokens


class Trace(NamedTuple):
    """A line's values, one for each age, and its colour, a state's or None for the accent."""

    values: Sequence[float]
    colour: VersionState | None = None


def colour_of(state: VersionState | None, colours: Tokens) -> QColor:
    """A line's colour in this scheme."""
    return colours.accent if state is None else colours.states[state]
