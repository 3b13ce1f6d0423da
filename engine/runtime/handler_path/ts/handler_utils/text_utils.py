"""Cutting text into tokens, and tokens into n-grams."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# torchtext's "basic_english": marks that become tokens of their own, and those that only part words.
_APART = re.compile(r"(['.,()!?])")
_BLANK = re.compile(r"<br />|[;:]")


def get_tokenizer(name: str | None) -> Callable[[str], list[str]] | None:
    """Return the tokenizer `name`: None parts at white space, "basic_english" as torchtext's; None for others."""
    if name is None:
        return str.split
    return _basic_english if name == "basic_english" else None


def ngrams_iterator(token_list: Sequence[str], ngrams: int) -> Iterator[str]:
    """Yield the tokens, then every run of 2, 3, ... `ngrams` of them, joined by spaces."""
    yield from token_list
    for size in range(2, ngrams + 1):
        for start in range(len(token_list) - size + 1):
            yield " ".join(token_list[start : start + size])


def _basic_english(line: str) -> list[str]:
    return _APART.sub(r" \1 ", _BLANK.sub(" ", line.lower()).replace('"', "")).split()
