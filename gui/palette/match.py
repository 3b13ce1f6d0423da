"""Which texts hold the letters of a query in their order, the best first. Pure, no Qt.

Texts that begin with the query come first, then initials and beginnings of words; tight matches before loose ones.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# No more are ranked: who looks for one of thousands types another letter.
MOST = 300
AT_START, AT_WORD, INSIDE = range(3)
_WORD = re.compile(r"\w+")

Rank = tuple[int, int, int]


def ranked(query: str, texts: Sequence[str]) -> list[int]:
    """The places of the texts that match, best first; all in their order for an empty query. Texts are casefolded."""
    letters = "".join(query.casefold().split())
    if not letters:
        return list(range(min(len(texts), MOST)))
    pattern = _pattern(letters)
    found = islice((place for place, text in enumerate(texts) if pattern.search(text)), MOST)
    return sorted(found, key=lambda place: (_rank(letters, pattern, texts[place]), place))


def _pattern(letters: str) -> re.Pattern[str]:
    """Each letter after the one before it; there is one way to match from each place, so it takes linear time."""
    first, rest = letters[0], letters[1:]
    return re.compile(re.escape(first) + "".join(f"[^{re.escape(char)}]*{re.escape(char)}" for char in rest))


def _rank(letters: str, pattern: re.Pattern[str], text: str) -> Rank:
    if text.startswith(letters):
        return AT_START, 0, len(text)
    if "".join(word[0] for word in _WORD.findall(text)).startswith(letters):
        return AT_WORD, 0, len(text)
    return min(_found(pattern, text))


def _found(pattern: re.Pattern[str], text: str) -> list[Rank]:
    ranks = []
    at = pattern.search(text)
    while at:
        begins = at.start() == 0 or not text[at.start() - 1].isalnum()
        ranks.append((AT_WORD if begins else INSIDE, at.end() - at.start(), len(text)))
        at = pattern.search(text, at.start() + 1)
    return ranks
