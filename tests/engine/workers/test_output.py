from __future__ import annotations

import pytest

from engine.workers.output import (
    BURST,
    CUT,
    LINE_COST,
    MAX_LINE,
    RATE,
    RESUME,
    TAIL_LINES,
    TAIL_SIZE,
    LastWords,
    Lines,
    Tail,
    printable,
)


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
    (long, following) = lines_of(*chunks)
    assert (long, following) == (cut("x" * (3 * MAX_LINE)), "next")
    assert len(long) == MAX_LINE


def test_a_long_line_without_an_end_loses_its_middle_too() -> None:
    assert lines_of(b"a" + b"x" * (2 * MAX_LINE), b"y", b"z") == [cut("a" + "x" * (2 * MAX_LINE) + "yz")]


def cut(text: str) -> str:
    """Return a long line as it is shown."""
    mark = CUT.decode()
    return text[: MAX_LINE // 2] + mark + text[-(MAX_LINE // 2 - len(mark)) :]


PROGRESS = [f"\r{number:3}%|{number // 10 * '#':10}|".encode() for number in range(101)]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([*PROGRESS, b"\ndone\n"], ["100%|##########|", "done"]),
        ([b"".join(PROGRESS) + b"\n"], ["100%|##########|"]),
        ([b"10%\r", b"20%\r", b"\r\n"], ["20%"]),
        ([b"10%\r20%\r30%"], ["30%"]),
        ([b"one\r\n", b"two\r", b"\nthree"], ["one", "two", "three"]),
        ([*(PROGRESS * 50)], ["100%|##########|"]),
    ],
)
def test_a_line_that_rewrites_itself_is_what_it_shows_at_last(chunks: list[bytes], expected: list[str]) -> None:
    assert lines_of(*chunks) == expected


def test_what_there_is_of_a_line_can_be_seen_before_it_ends() -> None:
    found: list[str] = []
    lines = Lines(found.append)
    seen = []
    for chunk in (b"load", b"ing", b"\r 10%", b"\r 20%\r", b"\x1b!", b"\n", b"x" * (3 * MAX_LINE)):
        lines.feed(chunk)
        seen.append(lines.unfinished)
    assert seen[:-1] == ["load", "loading", " 10%", " 20%", "\\x1b!", ""]
    assert len(seen[-1]) == MAX_LINE
    assert found == ["\\x1b!"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"plain", "plain"),
        (b"a\tb", "a\tb"),
        ("grüß ✓".encode(), "grüß ✓"),
        (b"\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        (b"10%\r20%", "20%"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202eevil\u2028".encode(), "\\u202eevil\\u2028"),
    ],
)
def test_what_is_shown_has_no_control_characters(text: bytes, shown: str) -> None:
    assert printable(text) == shown


class Clock:
    """Seconds, as the test moves them on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_comes_too_fast_is_counted_and_its_end_is_kept() -> None:
    found: list[str] = []
    lines = Lines(found.append, Clock())
    printed = b"".join(b"line %d\n" % number for number in range(100_000))
    for at in range(0, len(printed), 65536):
        lines.feed(printed[at : at + 65536])
    lines.end()
    affordable = BURST // LINE_COST
    assert found[:affordable] == [f"line {number}" for number in range(affordable)]
    told, *last = found[affordable:]
    shown = sum(len(line) + 1 for line in (*found[:affordable], *last))
    assert told == f"[{len(printed) - shown + 1} bytes of output are left out here: it came too fast]"
    assert last[-2:] == ["line 99998", "line 99999"]
    assert sum(map(len, last)) <= MAX_LINE


def test_output_is_taken_again_once_it_comes_more_slowly() -> None:
    found: list[str] = []
    clock = Clock()
    lines = Lines(found.append, clock)
    lines.feed(b"x\n" * (BURST // LINE_COST))
    lines.feed(b"lost\n")
    clock.now += RESUME / RATE
    lines.feed(b"taken\n")
    assert found[-2:] == ["[5 bytes of output are left out here: it came too fast]", "taken"]


def test_a_flood_of_empty_lines_is_left_out_as_well() -> None:
    found: list[str] = []
    lines = Lines(found.append, Clock())
    lines.feed(b"\n" * 1_000_000)
    assert len(found) == BURST // LINE_COST


def test_the_end_of_the_output_is_kept_within_limits() -> None:
    tail = Tail()
    for number in range(TAIL_LINES + 5):
        tail.add(f"line {number}")
    assert len(tail.lines) == TAIL_LINES
    assert tail.lines[-1] == f"line {TAIL_LINES + 4}"
    tail.add("x" * TAIL_SIZE)
    assert list(tail.lines) == ["x" * TAIL_SIZE]


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ([], ""),
        ([("stderr", "oh"), ("stderr", "no")], "oh\nno"),
        ([("stdout", "hello")], "Standard output ended with:\nhello"),
        ([("stdout", "hello"), ("stderr", "oh")], "oh\n\nStandard output ended with:\nhello"),
    ],
)
def test_last_words_tell_the_streams_apart(printed: list[tuple[str, str]], told: str) -> None:
    words = LastWords()
    for stream, line in printed:
        words.add(stream, line)
    assert words.text() == told


def test_last_words_end_with_lines_that_have_not_ended() -> None:
    words = LastWords()
    words.add("stdout", "loading")
    told = words.text({"stdout": " 45%|####", "stderr": "deadlock?"})
    assert told == "deadlock?\n\nStandard output ended with:\nloading\n 45%|####"
