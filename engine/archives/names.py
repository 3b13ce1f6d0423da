"""Which names of files are safe, the same on every system. Pure.

A name that Windows or macOS would take for another file is refused on Linux too: an archive works everywhere or
nowhere.
"""

from __future__ import annotations

import re
import unicodedata

MAX_COMPONENT = 255
_MAX_NAME = 1024
_MAX_DEPTH = 64
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
# Control characters, surrogates, and the marks that turn the direction of text around to disguise a name.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


def component_problem(name: str) -> str:
    """Return why `name` cannot stand for one file in a folder, in words; empty when it can."""
    problems = {
        "is empty or a dot": name in {"", ".", ".."},
        "has a separator, a colon or a backslash": any(char in name for char in "/\\:"),
        "has a control character": _UNPRINTABLE.search(name),
        "ends in a dot or a blank": name.endswith((".", " ")),
        "is reserved on Windows": _RESERVED.fullmatch(name),
        "is too long": len(name.encode(errors="replace")) > MAX_COMPONENT,
    }
    return next((problem for problem, found in problems.items() if found), "")


def split(name: str) -> tuple[str, ...]:
    """Return the components of a member's name without `.` and empty ones; the folder itself gives none.

    Raises:
        ValueError: the name is unsafe; the text says why.

    """
    if len(name) > _MAX_NAME:
        raise ValueError("the name is too long")
    if name.startswith("/"):
        raise ValueError("the name is absolute")
    components = tuple(part for part in name.split("/") if part not in {"", "."})
    if len(components) > _MAX_DEPTH:
        raise ValueError("it lies too deep in folders")
    for component in components:
        if component == "..":
            raise ValueError("the name leads out of the archive")
        if problem := component_problem(component):
            raise ValueError(f"the name {problem}")
    return components


def is_inside(path: str) -> bool:
    """Whether a path written in a manifest stays inside the archive."""
    try:
        return bool(split(path))
    except ValueError:
        return False


def is_printable(text: str) -> bool:
    """Whether `text` has neither control characters nor others that cannot be seen."""
    return _UNPRINTABLE.search(text) is None


def printable(name: str) -> str:
    """Return a name fit for a log line or a window: unsafe characters escaped, and not too long."""
    text = name if is_printable(name) else ascii(name)[1:-1]
    return text if len(text) <= MAX_COMPONENT else f"{text[:MAX_COMPONENT]}..."


class Twins:
    """The names seen so far in one archive, to find two that are one file where case or accents do not count."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, bool]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, components: tuple[str, ...], *, is_folder: bool) -> None:
        """Take one more member, and the folders above it.

        Raises:
            ValueError: another member has that name; the text says which.

        """
        for depth in range(1, len(components) + 1):
            self._add("/".join(components[:depth]), is_folder=is_folder or depth < len(components))

    def _add(self, name: str, *, is_folder: bool) -> None:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        spelling, was_folder = self._seen.get(folded, (name, True))
        if spelling != name:
            raise ValueError(f"the name differs from {spelling!r} in case or accents only")
        if folded in self._seen and not (is_folder and was_folder):
            raise ValueError("the name comes twice")
        self._seen[folded] = (name, is_folder)
