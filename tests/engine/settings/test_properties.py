"""Java properties: the forms the language has, and that reading never fails in another way than it says."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.settings.properties import Entry, parse

_SPECIAL = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}


def written(text: str) -> str:
    """Return text as java.util.Properties.store writes it."""
    plain = {char: f"\\{char}" for char in " =:#!\\"} | _SPECIAL
    return "".join(plain.get(char, char) for char in text)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", []),
        ("# a comment\n! another\n\n   \t\n", []),
        ("a=b", [("a", "b")]),
        ("a:b", [("a", "b")]),
        ("a b", [("a", "b")]),
        ("a \t=  b ", [("a", "b ")]),
        ("a = = b", [("a", "= b")]),
        ("a", [("a", "")]),
        ("=b", [("", "b")]),
        ("  a=http://127.0.0.1:8080\r\nb=1\rc=2", [("a", "http://127.0.0.1:8080"), ("b", "1"), ("c", "2")]),
        ("a=1,\\\n    2,\\\n\t3\nb=4", [("a", "1,2,3"), ("b", "4")]),
        ("a=1\\\n# no comment", [("a", "1# no comment")]),
        ("a=1\\", [("a", "1")]),
        ("a=\\\\\nb=2", [("a", "\\"), ("b", "2")]),
        ("# a comment does not go on \\\na=1", [("a", "1")]),
        ("a\\=b\\ c=d", [("a=b c", "d")]),
        ("a=\\u00e9\\t\\q", [("a", "é\tq")]),
        ("a=1\na=2", [("a", "1"), ("a", "2")]),
    ],
)
def test_it_reads_what_java_reads(text: str, entries: list[tuple[str, str]]) -> None:
    assert [(entry.key, entry.value) for entry in parse(text)] == entries


def test_lines_count_from_one_and_a_continued_entry_has_its_first_line() -> None:
    assert parse("# x\na=1\\\n2\n\nb=3") == [Entry("a", "12", 2), Entry("b", "3", 5)]


@pytest.mark.parametrize("text", ["ok=1\na=\\u12", "ok=1\n\\uzzzz=1"])
def test_a_broken_unicode_escape_names_its_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 2: \\u needs four hexadecimal digits"):
        parse(text)


@given(st.dictionaries(st.text(min_size=1), st.text()))
@example({"a": " b", "#": "\\", "\\": "\\u", "é": "\x85\u2028"})
def test_whatever_is_written_comes_back(values: dict[str, str]) -> None:
    text = "\n".join(f"{written(key)}={written(value)}" for key, value in values.items())

    assert {entry.key: entry.value for entry in parse(text)} == values


@given(st.text(alphabet=st.sampled_from("ab =:#!\\u0\n\r\t\f")))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    with contextlib.suppress(ValueError):
        for entry in parse(text):
            assert 1 <= entry.line <= len(text) + 1
