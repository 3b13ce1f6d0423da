"""How serious a line of a worker's log is. Pure.

The rule, first match:

1. What Marina says of a worker that failed is an error, what else it says is information.
2. A traceback is an error: from "Traceback (most recent call last):" over its indented lines to the exception's line.
3. A line says its level itself as Python's logging writes it: "ERROR:name:text", "[WARNING] text", "INFO text", "error:
   text", behind time stamps and a logger's name between dashes too. "path:12: SomeWarning: text" is a warning.
4. An indented line goes on with what its worker printed before it.
5. Everything else is a warning on standard error (TorchServe: what a handler prints there is WARN), else information.
"""

from __future__ import annotations

import re
from enum import IntEnum

from engine.snapshots import FAILING, LogLine, Stream


class Level(IntEnum):
    """The least serious first."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


WORDS = {
    "TRACE": Level.DEBUG,
    "DEBUG": Level.DEBUG,
    "INFO": Level.INFO,
    "WARN": Level.WARNING,
    "WARNING": Level.WARNING,
    "ERROR": Level.ERROR,
    "CRITICAL": Level.CRITICAL,
    "FATAL": Level.CRITICAL,
}
# A level stands within so many characters, or nowhere: no line, however long, takes longer to read.
HEAD = 200
_WORD = "|".join(sorted(WORDS, key=len, reverse=True))
_STAMP = r"[\[(]?\d[\d:.,/TZ+-]*[\])]?"
_NAME = r"[\w./]+\s+[-|:]\s+"
# Stamps, a dash, a logger's name, a bracket; then the word.
_BY_ITSELF = re.compile(rf"(?:{_STAMP}\s+){{0,3}}(?:[-|:]\s+)?(?:{_NAME}){{0,2}}[\[(<|]?\s*({_WORD})\b")
_WITH_COLON = re.compile(rf"({_WORD}):", re.IGNORECASE)
_PYTHONS_WARNING = re.compile(r"\S+:\d+: \w*Warning: ")
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_MARINAS = tuple(f"{state}: " for state in FAILING)


def told(text: str) -> Level | None:
    """The level that a line says itself, None when it says none."""
    head = text[:HEAD]
    if match := _BY_ITSELF.match(head) or _WITH_COLON.match(head):
        return WORDS[match[1].upper()]
    return Level.WARNING if _PYTHONS_WARNING.match(head) else None


class LevelReader:
    """Reads the lines of one version in their order; workers and streams may be mixed."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, Stream], Level] = {}
        self._in_traceback: set[tuple[str, Stream]] = set()

    def level(self, line: LogLine) -> Level:
        """The level of the next line."""
        if line.stream is Stream.MARINA:
            return Level.ERROR if line.text.startswith(_MARINAS) else Level.INFO
        source = (line.worker, line.stream)
        self._before[source] = level = self._of_source(source, line.text)
        return level

    def _of_source(self, source: tuple[str, Stream], text: str) -> Level:
        indented = text[:1] in (" ", "\t")
        if text.lstrip().startswith(_TRACEBACK):
            self._in_traceback.add(source)
            return Level.ERROR
        if source in self._in_traceback:
            if not indented:
                self._in_traceback.discard(source)
            return Level.ERROR
        if text.startswith(_CHAINED):
            return Level.ERROR
        usual = Level.WARNING if source[1] is Stream.STDERR else Level.INFO
        return self._before.get(source, usual) if indented else told(text) or usual
