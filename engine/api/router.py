"""From method and path to a row of the table of operations. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from engine.api.operations import Operation

REST = "..."
# Paths whose rows are remembered; clients ask the same few again and again.
REMEMBERED = 512


class PathUnknownError(Exception):
    """No operation has this path."""


class MethodUnknownError(Exception):
    """Operations have this path, but none with this method. `allowed` lists those that there are."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        """`allowed` for the Allow header."""
        super().__init__(allowed)
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class _Row:
    operation: Operation
    segments: tuple[str, ...]
    takes_rest: bool

    def match(self, path: list[str]) -> dict[str, str] | None:
        if len(path) < len(self.segments) or (len(path) > len(self.segments) and not self.takes_rest):
            return None
        values = {}
        for wanted, segment in zip(self.segments, path, strict=False):
            if wanted.startswith("{"):
                name, _, suffix = wanted[1:].partition("}")
                if not segment.endswith(suffix):
                    return None
                values[name] = segment.removesuffix(suffix)
            elif wanted != segment:
                return None
        if self.takes_rest:
            values["rest"] = "/".join(path[len(self.segments) :])
        return values


class Router:
    """The rows of one listener, by their first segment and otherwise in the order of the table.

    Rows whose first segment is a name come after all others.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        """Read the paths once."""
        self._rows: dict[str, list[_Row]] = {}
        self._open_rows: list[_Row] = []
        for operation in operations:
            row = _row(operation)
            first = row.segments[0] if row.segments else ""
            (self._open_rows if first.startswith("{") else self._rows.setdefault(first, [])).append(row)
        self._remembered = lru_cache(REMEMBERED)(self._search)

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]]:
        """Return the operation and the values of its path's names.

        `path` is percent-decoded before it is split, so an encoded slash separates too, and a trailing slash means
        nothing (TorchServe). Raises PathUnknownError or MethodUnknownError.
        """
        return self._remembered(method, path)

    def _search(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]]:
        segments = path.removeprefix("/").rstrip("/").split("/")
        allowed: list[str] = []
        for row in chain(self._rows.get(segments[0], ()), self._open_rows):
            values = row.match(segments)
            if values is None:
                continue
            if row.operation.methods is None or method in row.operation.methods:
                return row.operation, values
            allowed.extend(row.operation.methods)
        if allowed:
            raise MethodUnknownError(tuple(allowed))
        raise PathUnknownError(path)


def _row(operation: Operation) -> _Row:
    segments = operation.path.strip("/").split("/")
    takes_rest = segments[-1].strip("{}").endswith(REST)
    return _Row(operation, tuple(segments[:-1] if takes_rest else segments), takes_rest)
