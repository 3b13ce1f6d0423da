"""Whether a value fits a pattern of the scenario file. Pure.

A pattern is a JSON value, compared exactly, but for these: "<any>", "<absent>" (no such key or header), "<int>",
"<number>", "<string>", "<bool>", "<uuid>", "<datetime>", "<re:REGEX>" (a scalar whose whole text matches),
{.., "...": P} (an object with at least these keys, further values fit P), [.., "..."] (a list that begins so),
["<unordered>", ..] (these items in any order).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
MISSING = object()
SHOWN = 300

PLACEHOLDERS: dict[str, Callable[[Any], bool]] = {
    "<any>": lambda value: value is not MISSING,
    "<absent>": lambda value: value is MISSING,
    "<int>": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "<number>": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "<string>": lambda value: isinstance(value, str),
    "<bool>": lambda value: isinstance(value, bool),
    "<uuid>": lambda value: isinstance(value, str) and bool(UUID.fullmatch(value)),
    "<datetime>": lambda value: isinstance(value, str) and bool(DATETIME.fullmatch(value)),
}


def mismatch(pattern: Any, value: Any, where: str) -> str | None:
    """Return the first place where `value` does not fit `pattern`, in words; None when it fits."""
    if isinstance(pattern, dict) and isinstance(value, dict):
        return _object_mismatch(pattern, value, where)
    if isinstance(pattern, list) and isinstance(value, list):
        return _list_mismatch(pattern, value, where)
    return None if _scalar_fits(pattern, value) else _differs(pattern, value, where)


def substitute(value: Any, variables: Mapping[str, str]) -> Any:
    """Return `value` with every "{name}" in its strings and keys replaced."""
    if isinstance(value, str):
        for name, replacement in variables.items():
            value = value.replace("{" + name + "}", replacement)
        return value
    if isinstance(value, list):
        return [substitute(item, variables) for item in value]
    if isinstance(value, dict):
        return {substitute(key, variables): substitute(item, variables) for key, item in value.items()}
    return value


def short(value: Any, limit: int = SHOWN) -> str:
    text = "nothing" if value is MISSING else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[:limit] + "..."


def _scalar_fits(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, str):
        if pattern in PLACEHOLDERS:
            return PLACEHOLDERS[pattern](value)
        if pattern.startswith("<re:") and pattern.endswith(">"):
            is_scalar = isinstance(value, str | int | float)
            return is_scalar and bool(re.fullmatch(pattern[4:-1], str(value), re.DOTALL))
    return type(pattern) is type(value) and bool(pattern == value)


def _object_mismatch(pattern: dict[str, Any], value: dict[str, Any], where: str) -> str | None:
    named = {key: wanted for key, wanted in pattern.items() if key != "..."}
    problems = [mismatch(wanted, value.get(key, MISSING), f"{where}.{key}") for key, wanted in named.items()]
    further = pattern.get("...", "<absent>")
    problems += [mismatch(further, item, f"{where}.{key}") for key, item in value.items() if key not in named]
    return next(filter(None, problems), None)


def _list_mismatch(pattern: list[Any], value: list[Any], where: str) -> str | None:
    open_ended = pattern[-1:] == ["..."]
    unordered = pattern[:1] == ["<unordered>"]
    items = pattern[unordered : len(pattern) - open_ended]
    if len(value) < len(items) or (len(value) > len(items) and not open_ended):
        return _differs(pattern, value, where)
    if unordered:
        return _missing_item(items, value, where)
    problems = (mismatch(p, v, f"{where}[{i}]") for i, (p, v) in enumerate(zip(items, value, strict=False)))
    return next(filter(None, problems), None)


def _missing_item(items: list[Any], value: list[Any], where: str) -> str | None:
    remaining = list(value)
    for item in items:
        found = next((v for v in remaining if mismatch(item, v, where) is None), MISSING)
        if found is MISSING:
            return _differs(item, value, f"{where}[in any place]")
        remaining.remove(found)
    return None


def _differs(pattern: Any, value: Any, where: str) -> str:
    return f"{where}: expected {short(pattern)}, got {short(value)}"
