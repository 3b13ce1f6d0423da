"""How full batches were, in as many bars as fit. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gui import words

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BARS = 16


class Bar(NamedTuple):
    """So many batches, `amount`, held as many jobs as the label says: a number, or a range of them."""

    label: str
    amount: int


def bars(fills: Sequence[int], batch_size: int) -> list[Bar]:
    """One bar for each number of jobs up to `batch_size`, or for equal ranges of them when those are too many.

    `fills[n]` is how many batches held n jobs; a batch size that was larger once makes further bars.
    """
    largest = max(batch_size, len(fills) - 1, 1)
    width = -(-largest // MOST_BARS)
    return [
        Bar(_label(first, min(first + width - 1, largest)), sum(fills[first : first + width]))
        for first in range(1, largest + 1, width)
    ]


def _label(first: int, last: int) -> str:
    return words.number(first) if first == last else f"{words.number(first)}{words.DASH}{words.number(last)}"
