"""Generated bodies, queries and headers: what reaches a handler as its inputs. Pure; all choices come from the dice."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

Headers = tuple[tuple[str, str], ...]


class Content(NamedTuple):
    """A body, None for none at all, with the headers that belong to it."""

    headers: Headers
    body: bytes | None


WORDS = (
    "cat",
    "naïve",
    "日本語",
    "✓",
    "a b",
    "x=1&y=2",
    "",
    "null",
    "%41",
    "a+b",
    '"quoted"',
    "tab\there",
    "line\nend",
)
SIZES = (0, 1, 10, 100, 1_000, 8_191, 8_192, 8_193, 60_000, 300_000)
LARGE_SIZES = (1_000_000, 1_999_000)
TOO_LARGE = 2_000_001
UNKNOWN_METHOD = "BREW"
JSON_TYPES = (
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=latin-1",
    "Application/JSON",
    "application/json ; v=1",
    "application/vnd.api+json",
)
TEXT_TYPES = ("text/plain", "text/plain; charset=utf-8", "text/csv", "TEXT/plain", "text/html; charset=utf-16", "text")
BINARY_TYPES = (
    "application/octet-stream",
    "image/jpeg",
    "audio/wav",
    "application/x-protobuf",
    "application/xml",
    "x",
    "application/",
    ";",
    "multi/part",
)
NAMES = ("data", "body", "data", "text", "file", "a b", "naïve", "x-part", "model_name", "files[]", "日本語")
OWN_HEADERS: tuple[tuple[str, str], ...] = (
    ("Accept", "*/*"),
    ("accept", "application/json"),
    ("User-Agent", "differential/1"),
    ("Authorization", "Bearer nobody"),
    ("X-Request-Id", "mine"),
    ("x-request-id", "mine"),
    ("explain", "maybe"),
    ("Explain", "True"),
    ("url_path", "mine"),
    ("describe", "True"),
    ("ts_request_sequence_id", "7"),
    ("ts_request_sequence_start", "true"),
    ("Cookie", "a=1; b=2"),
    ("X-Empty", ""),
    ("X-Spaces", "  inside  and around  "),
    ("X-Twice", "one"),
    ("X-Twice", "two"),
    ("x-twice", "three"),
    ("X-UPPER", "Value"),
    ("x_underscore", "1"),
    ("X-Latin", "caf\u00e9"),
    ("body", "a header named as the input"),
    ("data", "a header named as an input"),
    ("Accept-Encoding", "gzip, deflate"),
    ("If-None-Match", '"tag"'),
    ("Range", "bytes=0-1"),
    ("Connection", "close"),
    ("Connection", "keep-alive"),
    ("Expect", "100-continue"),
    ("Content-Encoding", "identity"),
    ("Content-Language", "de"),
    ("Referer", "http://localhost/page"),
    ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("X-Forwarded-For", "10.0.0.1"),
    ("X-Long", "y" * 3000),
)


def text(dice: Random, length: int) -> str:
    """Return `length` characters made of the words."""
    pattern = "".join(dice.choice(WORDS) for _ in range(20)) + "."
    return (pattern * (length // len(pattern) + 1))[:length]


def value(dice: Random, depth: int = 0) -> Any:
    """Return a JSON value."""
    leaves = (None, True, False, dice.randrange(-1000, 1000), dice.random(), 1e300, -0.0, 10**25, *WORDS)
    if depth > 3 or dice.random() < 0.4:
        return dice.choice(leaves)
    if dice.random() < 0.5:
        return [value(dice, depth + 1) for _ in range(dice.randrange(5))]
    return {dice.choice(WORDS): value(dice, depth + 1) for _ in range(dice.randrange(5))}


def size(dice: Random) -> int:
    """Return the length of a body in bytes: mostly small, some around the sizes of buffers, a few large."""
    return dice.choice(LARGE_SIZES) if dice.random() < 0.02 else dice.choice(SIZES)


def own_headers(dice: Random) -> Headers:
    """Return headers that a client may add to anything."""
    return tuple(dice.sample(OWN_HEADERS, dice.choice((0, 0, 1, 1, 2, 3, 6))))


def query(dice: Random) -> str:
    """Return a query with its question mark, or ""."""
    if dice.random() < 0.5:
        return ""
    fields = [_field(dice) for _ in range(dice.randrange(4))]
    return "?" + "&".join(fields)


def _field(dice: Random) -> str:
    name, word = quote(dice.choice(NAMES)), dice.choice(WORDS)
    return dice.choice((f"{name}={quote(word)}", f"{name}={quote_plus(word)}", name, f"{name}=", f"{name}={name};x=1"))


def _json(dice: Random) -> Content:
    written = json.dumps(value(dice), ensure_ascii=dice.random() < 0.5, indent=dice.choice((None, 2))).encode()
    broken = (written[:-1], b"", b"{'a': 1}", b"NaN", b"[1,]", b"\xff\xfe", b"\xef\xbb\xbf{}", b" 1 ", b'"\\ud800"')
    body = dice.choice(broken) if dice.random() < 0.2 else written
    return Content((("Content-Type", dice.choice(JSON_TYPES)),), body)


def _text(dice: Random) -> Content:
    written = text(dice, size(dice)).encode(dice.choice(("utf-8", "utf-8", "utf-16", "utf-7")), "replace")
    return Content((("Content-Type", dice.choice(TEXT_TYPES)),), written)


def _binary(dice: Random) -> Content:
    name = dice.choice(("Content-Type", "content-type", "CONTENT-TYPE"))
    return Content(((name, dice.choice(BINARY_TYPES)),), dice.randbytes(size(dice)))


def _untyped(dice: Random) -> Content:
    return Content((), dice.randbytes(size(dice)))


def _no_body(dice: Random) -> Content:
    return Content(dice.choice(((), (("Content-Type", "application/json"),))), None)


def _gzipped(dice: Random) -> Content:
    headers = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    return Content(headers, gzip.compress(json.dumps(value(dice)).encode(), mtime=0))


def _form(dice: Random) -> Content:
    written = "&".join(_field(dice) for _ in range(dice.randrange(6)))
    odd = ("x", "=", "&", "a=%zz", "a=%ff", "a==b", "a=b=c", "&&a=1&&", "=b", "a=1;b=2", "a=\u00fc", "a=1\r\n")
    body = dice.choice(odd) if dice.random() < 0.3 else written
    names = ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8")
    return Content((("Content-Type", dice.choice(names)),), body.encode())


def _multipart(dice: Random) -> Content:
    boundary = dice.choice(("bound", "----WebKitFormBoundary7MA4YWxk", "'()+_,-./:=?"))
    parts = b"".join(_part(dice, boundary) for _ in range(dice.choice((1, 1, 2, 3, 5))))
    end = dice.choice((f"--{boundary}--\r\n",) * 6 + (f"--{boundary}--", f"--{boundary}--\r\nepilogue"))
    start = dice.choice(("",) * 8 + ("preamble\r\n",))
    quoted = f'"{boundary}"' if not boundary.isalnum() or dice.random() < 0.3 else boundary
    kind = dice.choice(("multipart/form-data",) * 8 + ("multipart/mixed", "Multipart/Form-Data"))
    return Content((("Content-Type", f"{kind}; boundary={quoted}"),), start.encode() + parts + end.encode())


def _part(dice: Random, boundary: str) -> bytes:
    disposition = f'form-data; name="{dice.choice(NAMES)}"'
    lines = [f"--{boundary}"]
    if dice.random() < 0.5:
        disposition += f'; filename="{dice.choice(("cat.jpg", "a b.txt", "naïve.json", "", "x"))}"'
    lines.append(f"Content-Disposition: {disposition}")
    if dice.random() < 0.6:
        lines.append(f"Content-Type: {dice.choice((*JSON_TYPES, *TEXT_TYPES, *BINARY_TYPES[:5]))}")
    if dice.random() < 0.1:
        lines.append("Content-Transfer-Encoding: binary")
    contents = (json.dumps(value(dice)).encode(), text(dice, size(dice)).encode(), dice.randbytes(size(dice)), b"")
    return "\r\n".join([*lines, "", ""]).encode() + dice.choice(contents) + b"\r\n"


def _too_large(dice: Random) -> Content:
    return Content((("Content-Type", "application/octet-stream"),), bytes(TOO_LARGE + dice.randrange(1000)))


# How often each kind of body comes.
KINDS: dict[Callable[[Random], Content], int] = {
    _json: 25,
    _text: 12,
    _binary: 12,
    _untyped: 5,
    _no_body: 6,
    _gzipped: 2,
    _form: 15,
    _multipart: 22,
    _too_large: 1,
}


def content(dice: Random) -> Content:
    """Return a body of any kind."""
    [kind] = dice.choices(list(KINDS), list(KINDS.values()))
    return kind(dice)
