"""Single damages of the files of a record, at every kind of place. Pure but for the files."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[random.Random, bytes], bytes | None]
PAGE = 4096
HEADER = 100


def _place(choose: random.Random, data: bytes) -> int:
    """Return a place in the file: in SQLite's header, on its first page, at the start of a page, in text, anywhere."""
    low_high = choose.choice(((0, HEADER), (0, PAGE), (HEADER, HEADER + 40), (0, len(data))))
    kind = choose.randrange(3)
    if kind == 0 and len(data) > PAGE:
        return min(choose.randrange(len(data) // PAGE) * PAGE + choose.randrange(16), len(data) - 1)
    if kind == 1 and (written := [place for place in range(0, len(data), 7) if data[place]]):
        return choose.choice(written)
    return min(choose.randrange(*low_high), len(data) - 1)


def _put(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def flip_a_bit(choose: random.Random, data: bytes) -> bytes:
    """Flip one bit."""
    place = _place(choose, data)
    return _put(data, place, bytes([data[place] ^ (1 << choose.randrange(8))]))


def change_bytes(choose: random.Random, data: bytes) -> bytes:
    """Write random bytes over a few."""
    return _put(data, _place(choose, data), choose.randbytes(choose.choice((1, 2, 4, 16, 200))))[: len(data)]


def cut(choose: random.Random, data: bytes) -> bytes:
    """Keep the first part of the file alone."""
    return data[: choose.choice((0, PAGE, len(data) - 1, _place(choose, data)))]


def zero_a_page(choose: random.Random, data: bytes) -> bytes:
    """Make a page, or a sector of the disk, zeros."""
    size = choose.choice((512, PAGE))
    place = choose.randrange(max(1, len(data) // size)) * size
    return _put(data, place, bytes(min(size, len(data) - place)))


def remove(_choose: random.Random, _data: bytes) -> None:
    """Remove the file."""


def garble_text(choose: random.Random, data: bytes) -> bytes:
    """Make a character of some text one that is no UTF-8, or another digit or letter."""
    text = [place for place in range(len(data)) if chr(data[place]).isalnum()]
    if not text:
        return flip_a_bit(choose, data)
    return _put(data, choose.choice(text), choose.choice((b"\xff", b"\xc3", b"7", b"x")))


def overwrite(choose: random.Random, data: bytes) -> bytes:
    """Put something else in the file's place."""
    return choose.choice((b"garbled" * 500, choose.randbytes(len(data)), data[PAGE:], data + choose.randbytes(500)))


DAMAGES: tuple[Damage, ...] = (flip_a_bit, change_bytes, cut, zero_a_page, remove, garble_text, overwrite)


def damage(choose: random.Random, files: list[Path]) -> str:
    """Damage one of the files, in place; returns what was done, in words."""
    file, act = choose.choice(files), choose.choice(DAMAGES)
    data = file.read_bytes()
    after = act(choose, data) if data else None
    if after is None:
        file.unlink()
    else:
        file.write_bytes(after)
    return f"{getattr(act, '__name__', '')} {file.name}"
