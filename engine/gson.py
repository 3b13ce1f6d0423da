"""JSON as TorchServe reads it, with Gson's lenient rules. Pure.

Beside JSON it takes comments, quotes of either kind, names and texts without quotes, `;` for a comma, `=` or `=>` for a
colon, and `True`, `FALSE` or `Null`. Numbers keep their text where a text is asked for.
"""

from __future__ import annotations

import math
import re
from typing import Any, Self

DEEPEST = 100
JAVA_INT_MAX = 2**31 - 1
_SKIPPED = re.compile(r"(?:\s|//[^\r\n]*|#[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_BARE = re.compile(r"[^\s{}\[\]:,;=#/\\\"']+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", "\n": "\n"}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")
_KEYWORDS = {"true": True, "false": False, "null": None}


class Number(float):
    """A number that remembers how it was written."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Read the text."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        """Return the text."""
        return self.text


def loads(text: str) -> Any:
    """Return the value: dicts, lists, texts, `Number`, booleans or None.

    Raises ValueError, with the place in words, for what Gson refuses as well.
    """
    reader = _Reader(text)
    value = reader.value(0)
    if reader.peek():
        raise reader.problem("it goes on after its end")
    return value


def whole_number(value: Any) -> int:
    """Return what Gson's `getAsInt` makes of a value: decimals are cut off; a text must be a whole number.

    Raises ValueError for everything else, and for what Java's int cannot hold.
    """
    is_number = isinstance(value, Number) and math.isfinite(value)
    if not is_number and not (isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", value)):
        raise ValueError("must be a whole number")
    number = int(value)
    if abs(number) > JAVA_INT_MAX:
        raise ValueError(f"must be a whole number up to {JAVA_INT_MAX}")
    return number


def is_true(value: Any) -> bool:
    """Return what Gson's `getAsBoolean` makes of a value: a text counts too."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


class _Reader:
    """Reads one value after the other from the front of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        """Return the next character that is no blank and in no comment; "" at the end."""
        skipped = _SKIPPED.match(self._text, self._at)
        self._at = skipped.end() if skipped else self._at
        return self._text[self._at : self._at + 1]

    def problem(self, what: str) -> ValueError:
        line = self._text.count("\n", 0, self._at) + 1
        column = self._at - self._text.rfind("\n", 0, self._at)
        return ValueError(f"{what}, line {line} column {column}")

    def value(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise self.problem("it is nested too deeply")
        first = self.peek()
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._array(depth)
        if first and first in "\"'":
            return self._quoted()
        text = self._bare()
        if text.lower() in _KEYWORDS:
            return _KEYWORDS[text.lower()]
        return Number(text) if _NUMBER.fullmatch(text) else text

    def _object(self, depth: int) -> dict[str, Any]:
        self._at += 1
        found: dict[str, Any] = {}
        if self._takes("}"):
            return found
        while True:
            name = self._quoted() if self.peek() and self.peek() in "\"'" else self._bare()
            if self._takes("="):
                self._takes(">")
            elif not self._takes(":"):
                raise self.problem(f"a colon is missing after {name!r}")
            found[name] = self.value(depth + 1)
            if self._takes("}"):
                return found
            if not self._takes(",;"):
                raise self.problem("a comma or } is missing")

    def _array(self, depth: int) -> list[Any]:
        self._at += 1
        found: list[Any] = []
        if self._takes("]"):
            return found
        while True:
            # Gson: a value that is left out is null.
            found.append(None if self.peek() in ("]", ",", ";") else self.value(depth + 1))
            if self._takes("]"):
                return found
            if not self._takes(",;"):
                raise self.problem("a comma or ] is missing")

    def _takes(self, characters: str) -> bool:
        """Go past the next character if it is one of these."""
        found = self.peek()
        taken = found != "" and found in characters
        self._at += taken
        return taken

    def _bare(self) -> str:
        self.peek()
        found = _BARE.match(self._text, self._at)
        if found is None:
            raise self.problem("a value is missing")
        self._at = found.end()
        return found[0]

    def _quoted(self) -> str:
        found = _QUOTED.match(self._text, self._at)
        if found is None:
            raise self.problem("a text has no end")
        text = _ESCAPE.sub(self._escaped, found[1] if found[1] is not None else found[2])
        self._at = found.end()
        # Two escapes may stand for one character.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _escaped(self, found: re.Match[str]) -> str:
        code, character = found.groups()
        if code:
            return chr(int(code, 16))
        if character in "'\"\\/":
            return str(character)
        if character not in _ESCAPED:
            raise self.problem(f"\\{character} is no escape")
        return _ESCAPED[character]
