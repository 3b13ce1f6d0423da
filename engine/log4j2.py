"""Levels and files of a log4j2 configuration in XML, as TorchServe's `--log-config` names one.

Pure, but for `configured_layout`, which reads the file before the loop runs. Loggers, their levels and appenders, the
names of files, their largest size and how many are kept count; every other part is named in the log.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from engine.log_files import ALL_LOGGERS, BATCH_FORM, BATCHED, TORCHSERVE_FORM, LogFile, LogLayout
from engine.settings.log_options import LogOptions

OFF = logging.CRITICAL + 1
LEVELS = {
    "all": 1, "trace": 5, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING,
    "error": logging.ERROR, "fatal": logging.CRITICAL, "off": OFF,
}  # fmt: skip
MAX_FILE_SIZE = 1024 * 1024
KEPT = 7  # log4j2's default, as is the level of the root
ROOT_LEVEL = "error"
# TorchServe's own patterns, which Marina's lines have anyway.
_PATTERNS = ("%d{ISO8601} [%-5p] %t %c - %m%n", "%d{ISO8601} - %m%n")
_FILES = ("file", "rollingfile", "randomaccessfile", "rollingrandomaccessfile")
_LOGGERS = ("logger", "asynclogger")
_ROOTS = ("root", "asyncroot")
# What is acted on, or is a frame around that.
_KNOWN = frozenset(
    {"configuration", "properties", "property", "appenders", "loggers", "console", "appenderref", "patternlayout",
     "policies", "sizebasedtriggeringpolicy", "defaultrolloverstrategy", *_FILES, *_LOGGERS, *_ROOTS}
)  # fmt: skip
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([kmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_LOOKUP = re.compile(r"\$\$?\{(?:(\w+):)?([^{}]*?)(?::-([^{}]*))?\}")


class Node(NamedTuple):
    """An element: its kind and the names of its attributes in small letters."""

    kind: str
    given: Mapping[str, str]
    children: tuple[Node, ...]

    def nodes(self) -> Iterator[Node]:
        """Return this node and every one below it."""
        yield self
        for child in self.children:
            yield from child.nodes()

    def find(self, *kinds: str) -> list[Node]:
        """Return the nodes of these kinds."""
        return [node for node in self.nodes() if node.kind in kinds]


def configured_layout(options: LogOptions, default: LogLayout) -> LogLayout:
    """Return the layout of the file `options.config`, or `default` with the reason why it cannot be read."""
    path = options.config
    if path is None:
        return default
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MAX_FILE_SIZE + 1)
        return layout(read(text), os.environ, Path.cwd(), path)
    except (OSError, ValueError) as error:
        return default._replace(problems=(f"--log-config {path} has no effect: {error}.",))


def read(text: str) -> Node:
    """Return the root of a configuration; raises ValueError with the reason in words."""
    if len(text) > MAX_FILE_SIZE:
        raise ValueError(f"it is larger than {MAX_FILE_SIZE} characters")
    if "<!DOCTYPE" in text:
        raise ValueError("a DOCTYPE is not read")
    try:
        root = _node(ET.fromstring(text))  # noqa: S314 - without a DOCTYPE there are no entities
    except ET.ParseError as error:
        raise ValueError(f"it is no XML, and no other form of log4j2's configuration is read ({error})") from None
    if root.kind != "configuration":
        raise ValueError(f"its root is {root.kind}, not Configuration")
    return root


def _node(element: ET.Element) -> Node:
    given = {name.lower(): value for name, value in element.attrib.items()}
    kind = element.tag.rpartition("}")[2].lower()
    if kind == "property":
        given.setdefault("value", (element.text or "").strip())
    # log4j2's strict form names the kind in an attribute.
    kind = given.get("type", kind).lower() if kind in ("appender", "layout") else kind
    return Node(kind, given, tuple(_node(child) for child in element))


def layout(root: Node, environ: Mapping[str, str], folder: Path, source: Path) -> LogLayout:
    """Return the layout that a configuration asks for; relative paths start at `folder`, `source` is for messages."""
    loggers = {node.given.get("name", ""): node for node in root.find(*_LOGGERS, *_ROOTS)}
    reached = {name: _appenders(name, loggers) for name in ALL_LOGGERS}
    own = {node.given["name"]: node.given["value"] for node in root.find("property") if "name" in node.given}
    files: list[LogFile] = []
    unread = _unread(root)
    for node in root.find(*_FILES):
        names = frozenset(name for name, appenders in reached.items() if node.given.get("name") in appenders)
        path = _resolved(node.given.get("filename", ""), environ, own)
        if not path or "${" in path:
            unread.add(f"the file {path!r} of {node.given.get('name')}")
        elif names:
            files.append(_file(node, folder / path, names))
    consoles = {node.given.get("name") for node in root.find("console")}
    console = frozenset(name for name, appenders in reached.items() if consoles & appenders)
    levels = {"": _level("", loggers)} | {name: _level(name, loggers) for name in ALL_LOGGERS}
    # Lines of requests and metrics that no file takes are not even made.
    levels |= dict.fromkeys(BATCHED - console.union(*(file.loggers for file in files)), OFF)
    told = f"Marina does not act on these parts of {source}: {', '.join(sorted(unread))}"
    return LogLayout(tuple(files), console, TORCHSERVE_FORM, levels, (told,) if unread else ())


def _file(node: Node, path: Path, names: frozenset[str]) -> LogFile:
    sizes = [_bytes(one.given.get("size", "")) for one in node.find("sizebasedtriggeringpolicy")]
    kept = [one.given["max"] for one in node.find("defaultrolloverstrategy") if one.given.get("max", "").isdecimal()]
    form = BATCH_FORM if names <= BATCHED else TORCHSERVE_FORM
    # Without a limit Python's handler lets the file grow, as log4j2 does.
    return LogFile(path, names, form, max(sizes, default=0), int(kept[0][:3]) if kept else KEPT)


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    return int(float(found[1]) * _UNITS[found[2].lower()]) if found else 10 * 1024**2


def _line_of(name: str, loggers: Mapping[str, Node]) -> list[Node]:
    """Return the configured loggers that a logger inherits from, the nearest first, the root last."""
    parts = name.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return [loggers[one] for one in (*names, "") if one in loggers]


def _appenders(name: str, loggers: Mapping[str, Node]) -> frozenset[str | None]:
    found: set[str | None] = set()
    for node in _line_of(name, loggers):
        found |= {one.given.get("ref") for one in node.find("appenderref")}
        if node.given.get("additivity", "true").lower() == "false":
            break
    return frozenset(found)


def _level(name: str, loggers: Mapping[str, Node]) -> int:
    given = [node.given["level"] for node in _line_of(name, loggers) if "level" in node.given]
    return LEVELS.get((given or [ROOT_LEVEL])[0].strip().lower(), LEVELS[ROOT_LEVEL])


def _resolved(text: str, environ: Mapping[str, str], own: Mapping[str, str]) -> str:
    """Return a text with its lookups replaced; what cannot be told stays as it is."""

    def value(found: re.Match[str]) -> str:
        kind, name, default = found.groups()
        values = {"env": environ, None: own}.get(kind, {})
        return values.get(name, found[0] if default is None else default)

    # A value may hold lookups in turn.
    for _ in range(3):
        text = _LOOKUP.sub(value, text)
    return text


def _unread(root: Node) -> set[str]:
    """Return the parts that are not acted on, in the words of the file."""
    found = {node.kind for node in root.nodes()} - _KNOWN
    found |= {"filePattern"} if any("filepattern" in node.given for node in root.nodes()) else set()
    for node in root.find("patternlayout"):
        if (pattern := node.given.get("pattern", "")) not in _PATTERNS:
            found.add(f"the pattern {pattern!r}")
    return found | {
        f"the logger {name}" for node in root.find(*_LOGGERS) if (name := node.given.get("name", "")) not in ALL_LOGGERS
    }
