from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.desktop.handover import LONGEST, MOST_BYTES, MOST_NAMED, Handover, decode, encode
from gui.desktop.openings import look
from tests.support.fuzzing import fuzz, garbled

PATHS = st.text(st.characters(exclude_characters="\0"), max_size=40).map(lambda name: Path("/", name))
ADDRESSES = st.sampled_from(["https://models.example/net.mar", "s3://bucket/net.mar?versionId=1"])
VALID = encode(Handover((Path("/downloads/digits.mar"), "https://models.example/net.mar"), "token-1")).strip()


def said(**changed: object) -> bytes:
    return json.dumps({"open": [], "activation": "", **changed}).encode()


@given(st.lists(st.one_of(PATHS, ADDRESSES), max_size=20), st.sampled_from(["", "wayland-7", "kwin_1-2_TIME99"]))
def test_what_is_handed_over_arrives(named: list[Path | str], activation: str) -> None:
    handover = Handover(tuple(named), activation)
    line = encode(handover)
    assert line.count(b"\n") == 1
    assert decode(line[:-1]) == handover


def test_a_path_that_is_no_text_arrives() -> None:
    path = Path("/downloads/\udcff.mar")
    assert decode(encode(Handover((path,)))[:-1]).open == (path,)


@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=300), max_size=5), st.text())
def test_whatever_was_given_the_message_can_be_read(named: list[str], activation: str) -> None:
    decode(encode(Handover(tuple(named), activation))[:-1])


def test_a_message_holds_no_more_than_may_be() -> None:
    many = Handover(tuple(Path(f"/downloads/{n}.mar") for n in range(MOST_NAMED + 9)))
    assert len(decode(encode(many)[:-1]).open) == MOST_NAMED
    long = Handover(tuple(Path(f"/{n}" + "x" * (LONGEST - 10)) for n in range(100)), "é")
    assert len(encode(long)) <= MOST_BYTES + 1
    assert 0 < len(decode(encode(long)[:-1]).open) < 100
    assert decode(encode(Handover((Path("/" + "x" * LONGEST), Path("/a.mar"))))[:-1]).open == (Path("/a.mar"),)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"GET / HTTP/1.1\r",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b" " * (MOST_BYTES + 1),
        b'{"open": [], "activation": "", "options": ["--no-auth"]}',
        said(open="/a.mar"),
        said(open=["/a\0.mar"]),
        said(open=[1]),
        said(open=[["/a.mar"]]),
        said(open=["/" + "a" * LONGEST]),
        said(open=["/a.mar"] * (MOST_NAMED + 1)),
        said(activation="a b"),
        said(activation="a\n"),
        said(activation="\0"),
        said(activation="x" * 300),
        said(activation=None),
    ],
)
def test_anything_else_is_no_message(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"^its? "):
        decode(line)


@pytest.mark.parametrize("text", ["--disable-token-auth", "net.mar", "../net.mar", "file:///a.mar", "javascript:x", ""])
def test_what_is_neither_file_nor_address_stays_a_word_that_nobody_opens(text: str) -> None:
    [word] = decode(said(open=[text])).open
    assert word == text
    assert look([word]).archives == ()


def test_garbled_messages_are_read_or_refused() -> None:
    fuzz("what a second start says", garbled(VALID), decode, ValueError)
