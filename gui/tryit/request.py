"""A request as it is composed: a draft that may be unfinished, and the request that a finished one stands for. Pure.

TorchServe: `POST /predictions/{name}[/{version}]`, and `/explanations/…` of the same form; the body is what the handler
gets, the parts of a multipart/form-data body reach it by their names.
"""

from __future__ import annotations

import json
import mimetypes
import re
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.snapshots import Key

Headers = tuple[tuple[str, str], ...]

JSON = "application/json"
TEXT = "text/plain"
BINARY = "application/octet-stream"
# What the header of a request may be called (RFC 9110), and what belongs to whoever sends the body.
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
OF_THE_SENDER = frozenset({"host", "content-length", "transfer-encoding", "connection"})
UNFIT_IN_PART_NAME = re.compile(r'["=\x00-\x1f]')
# Text beyond this many characters is sent as it is, unchecked: checking would be felt while typing.
MOST_CHECKED = 300_000


class Source(Enum):
    """Where the body comes from."""

    FILE = "file"
    TEXT = "text"
    PARTS = "parts"


class Verb(Enum):
    """What is asked of the model; the first part of the path."""

    PREDICT = "predictions"
    EXPLAIN = "explanations"


@dataclass(frozen=True, slots=True)
class Part:
    """One named part of a form: a file, or text."""

    name: str
    text: str = ""
    path: Path | None = None
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What the composer holds. `content_type` is empty when it follows from the body; `headers` are lines as typed."""

    source: Source = Source.FILE
    path: Path | None = None
    text: str = ""
    parts: tuple[Part, ...] = ()
    content_type: str = ""
    headers: str = ""
    verb: Verb = Verb.PREDICT
    to_default: bool = False

    def with_files(self, paths: Sequence[Path]) -> Draft:
        """The draft with these files as its body: one is the body itself, several are parts named after them."""
        if len(paths) == 1 and self.source is not Source.PARTS:
            return replace(self, source=Source.FILE, path=paths[0])
        added = tuple(Part(part_name(path), path=path, is_file=True) for path in paths)
        return replace(self, source=Source.PARTS, parts=(*self.parts, *added))

    @property
    def type_sent(self) -> str:
        """The content type that goes with the body; a form brings its own."""
        if self.source is Source.PARTS:
            return ""
        if self.content_type:
            return self.content_type
        return type_of_file(self.path) if self.source is Source.FILE else type_of_text(self.text)

    @property
    def body_words(self) -> str:
        """The body in a few words, for a list."""
        if self.source is Source.FILE:
            return self.path.name if self.path else ""
        if self.source is Source.PARTS:
            return ", ".join(part.name for part in self.parts)
        return " ".join(self.text[:120].split())

    def problem(self) -> str:
        """Why it cannot be sent yet, empty when it can."""
        return self._body_problem() or headers_problem(self.headers)

    def _body_problem(self) -> str:
        if self.source is Source.FILE and self.path is None:
            return tr("Choose a file, or drop one here")
        if self.source is Source.PARTS:
            return parts_problem(self.parts)
        return ""

    def warning(self) -> str:
        """What looks wrong in a body that can be sent all the same: JSON that is none, and where."""
        if self.source is not Source.TEXT or self.type_sent != JSON or len(self.text) > MOST_CHECKED:
            return ""
        return json_mistake(self.text)

    def request(self, base: str, key: Key) -> Request:
        """The request to this version below `base`, an inference address."""
        version = None if self.to_default else key.version
        typed = parse_headers(self.headers)
        named = {name.lower() for name, _ in typed}
        own = (("Content-Type", self.type_sent),) if self.type_sent and "content-type" not in named else ()
        return Request(url_of(base, self.verb, key.name, version), own + typed, self)


@dataclass(frozen=True, slots=True)
class Request:
    """A POST that can be sent: address, headers without those that authorize it, and the draft with the body."""

    url: str
    headers: Headers
    draft: Draft


def url_of(base: str, verb: Verb, name: str, version: str | None) -> str:
    """The address of a version, or of the default version."""
    places = [name] if version is None else [name, version]
    return "/".join([base.rstrip("/"), verb.value, *(quote(place, safe="") for place in places)])


def type_of_file(path: Path | None) -> str:
    """The content type that a file's name suggests."""
    guess, encoding = mimetypes.guess_type(path.name) if path else (None, None)
    return guess if guess and not encoding else BINARY


def type_of_text(text: str) -> str:
    """JSON for what begins as an object or a list, plain text otherwise."""
    return JSON if text.lstrip()[:1] in {"{", "["} else f"{TEXT}; charset=utf-8"


def json_mistake(text: str) -> str:
    """What keeps a text from being JSON, and where; empty when it is JSON."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        where = {"line": error.lineno, "column": error.colno, "mistake": error.msg}
        return tr("Not valid JSON at line {line}, column {column}: {mistake}").format(**where)
    except RecursionError:
        return tr("Nested too deeply to be checked")
    return ""


def parse_headers(lines: str) -> Headers:
    """Header lines as name and value; lines that are none are left out, `headers_problem` names them."""
    pairs = (line.partition(":") for line in lines.splitlines() if ":" in line)
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


def headers_problem(lines: str) -> str:
    """Why these lines are no headers, empty when they are."""
    for line in filter(str.strip, lines.splitlines()):
        name, colon, value = line.partition(":")
        if not colon or not TOKEN.fullmatch(name.strip()):
            return tr("“{line}” is no header. Write one a line, like X-Request: 7").format(line=line.strip())
        if name.strip().lower() in OF_THE_SENDER:
            return tr("{name} is set by whoever sends the request. Leave it out").format(name=name.strip())
        if not value.isprintable():
            return tr("The value of {name} has characters that no header may have").format(name=name.strip())
    return ""


def parts_problem(parts: Sequence[Part]) -> str:
    """Why these parts cannot be sent yet, empty when they can."""
    if not parts:
        return tr("Add a part, or drop files here")
    for place, part in enumerate(parts, 1):
        if not part.name:
            return tr("Part {place} has no name").format(place=place)
        if UNFIT_IN_PART_NAME.search(part.name):
            return tr("The name of part {place} may have no quotes, equals signs or line ends").format(place=place)
        if part.is_file and part.path is None:
            return tr("Choose a file for {name}, or drop one here").format(name=part.name)
    return ""


def part_name(path: Path) -> str:
    """A part's name from its file: TorchServe's handlers look for `data` or `body` alone, forms for what they know."""
    return UNFIT_IN_PART_NAME.sub("_", path.stem) or "data"
