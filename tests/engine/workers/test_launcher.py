from __future__ import annotations

import pytest

from engine.workers.launcher import MAX_LINE, Lines, printable


def lines_of(*chunks: bytes) -> list[str]:
    found: list[str] = []
    lines = Lines(found.append)
    for chunk in chunks:
        lines.feed(chunk)
    lines.end()
    return found


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([], []),
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\r\nt", b"wo"], ["one", "two"]),
        ([b"\n\n"], ["", ""]),
        ([b"no end"], ["no end"]),
        (["grü".encode()[:3], "grü".encode()[3:] + b"\n"], ["grü"]),
    ],
)
def test_output_is_cut_into_lines(chunks: list[bytes], expected: list[str]) -> None:
    assert lines_of(*chunks) == expected


@pytest.mark.parametrize("chunk", [100, MAX_LINE, 3 * MAX_LINE])
def test_a_long_line_is_cut_however_it_arrives(chunk: int) -> None:
    data = b"x" * (3 * MAX_LINE) + b"\nnext\n"
    chunks = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    assert lines_of(*chunks) == ["x" * MAX_LINE, "next"]


def test_a_long_line_without_an_end_is_cut_too() -> None:
    assert lines_of(b"x" * (2 * MAX_LINE), b"y") == ["x" * MAX_LINE]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"plain", "plain"),
        (b"a\tb", "a\tb"),
        ("grüß ✓".encode(), "grüß ✓"),
        (b"\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        (b"10%\r20%", "10%\\r20%"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202eevil\u2028".encode(), "\\u202eevil\\u2028"),
    ],
)
def test_what_is_shown_has_no_control_characters(text: bytes, shown: str) -> None:
    assert printable(text) == shown
