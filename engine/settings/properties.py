r"""Java properties files, read as `java.util.Properties.load` does, and edited with care for what stands there. Pure.

Both kinds of comment, the separators `=`, `:` and blank, backslash continuation, the escapes `\t \n \r \f`, `\u` with
four digits, and any other escaped character as itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_BLANKS = " \t\f"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_NAMES = {char: letter for letter, char in _ESCAPES.items()}
_SPECIAL = re.compile(r"[\\=:#!\t\n\r\f]")
_ESCAPE = re.compile(r"\\(?:u(?P<code>[0-9a-fA-F]{4})|(?P<char>.)|$)", re.DOTALL)
_AFTER_LINE_END = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
# The key ends at the first separator that no backslash protects.
_PAIR = re.compile(r"(?P<key>(?:\\.|[^\\=: \t\f])*)[ \t\f]*(?:[=:][ \t\f]*)?(?P<value>.*)", re.DOTALL)


class Entry(NamedTuple):
    """One key with its value; `line` is where it starts, counted from 1."""

    key: str
    value: str
    line: int


def parse(text: str) -> list[Entry]:
    r"""Return the entries in the order of the file; a key may come twice, and the last one counts.

    Raises:
        ValueError: an escape `\u` without four hexadecimal digits; the text names the line.

    """
    return [_entry(line, number) for number, line in _logical_lines(text)]


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number of the first line, text) with comments and blank lines left out and continuations joined."""
    lines = iter(enumerate(re.split(r"\r\n|\r|\n", text), start=1))
    for number, natural in lines:
        line = natural.lstrip(_BLANKS)
        if not line or line[0] in "#!":
            continue
        while _continues(line):
            line = line[:-1] + next(lines, (0, ""))[1].lstrip(_BLANKS)
        if line:
            yield number, line


def _continues(line: str) -> bool:
    """Whether an odd number of backslashes ends the line."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _entry(line: str, number: int) -> Entry:
    match = _PAIR.fullmatch(line)
    if match is None:
        raise ValueError(f"line {number} cannot be read")
    return Entry(_unescape(match["key"], number), _unescape(match["value"], number), number)


def _unescape(text: str, number: int) -> str:
    def plain(match: re.Match[str]) -> str:
        if match["code"]:
            return chr(int(match["code"], 16))
        char = match["char"] or ""
        if char == "u":
            raise ValueError(f"line {number}: \\u needs four hexadecimal digits; write a backslash as \\\\")
        return _ESCAPES.get(char, char)

    return _ESCAPE.sub(plain, text)


def stored(values: Mapping[str, str]) -> str:
    """Return a file with these values, written as `java.util.Properties.store` does."""
    return "".join(f"{_escaped(key, key=True)}={_escaped(value)}\n" for key, value in values.items())


def _escaped(text: str, *, key: bool = False) -> str:
    escaped = _SPECIAL.sub(lambda match: "\\" + _NAMES.get(match[0], match[0]), text)
    blanks = len(escaped) if key else len(escaped) - len(escaped.lstrip(" "))
    return escaped[:blanks].replace(" ", "\\ ") + escaped[blanks:]


def edited(text: str, changes: Mapping[str, str | None]) -> str:
    """Return the file's text with other values; None takes a key out. Whatever else stands there is kept as it is."""
    lines = [line for line in _AFTER_LINE_END.split(text) if line]
    left = dict(changes)
    for entry in reversed(parse(text)):
        if entry.key not in changes:
            continue
        first, last = entry.line - 1, _last_line(lines, entry.line - 1)
        value = left.pop(entry.key, None)
        lines[first : last + 1] = [] if value is None else [_line(entry.key, value)]
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    if lines and _continues(lines[-1].rstrip("\r\n")):
        lines.append("\n")
    return "".join((*lines, *(_line(key, value) for key, value in left.items() if value is not None)))


def _last_line(lines: list[str], first: int) -> int:
    last = first
    while last + 1 < len(lines) and _continues(lines[last].rstrip("\r\n")):
        last += 1
    return last


def _line(key: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{key}={escaped}\n"
