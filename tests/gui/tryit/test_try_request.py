from __future__ import annotations

from pathlib import Path

import pytest

from engine.snapshots import Key
from gui.tryit.request import (
    BINARY,
    JSON,
    Draft,
    Part,
    Source,
    Verb,
    headers_problem,
    json_mistake,
    parse_headers,
    parts_problem,
    type_of_file,
)

BASE = "http://127.0.0.1:8080/"
KEY = Key("a b/c", "1.0")
SEVEN = Path("/pictures/seven.png")


def typed(text: str, **changed: str) -> Draft:
    return Draft(Source.TEXT, text=text, **changed)  # type: ignore[arg-type]


def test_the_path_names_the_version_and_quotes_it() -> None:
    assert typed("x").request(BASE, KEY).url == "http://127.0.0.1:8080/predictions/a%20b%2Fc/1.0"


def test_the_default_version_and_explanations_have_their_own_paths() -> None:
    draft = Draft(Source.TEXT, to_default=True, verb=Verb.EXPLAIN)
    assert draft.request(BASE, KEY).url == "http://127.0.0.1:8080/explanations/a%20b%2Fc"


def test_the_content_type_follows_from_the_body_until_one_is_chosen() -> None:
    assert Draft(Source.FILE, SEVEN).type_sent == "image/png"
    assert typed(' {"a": 1}').type_sent == JSON
    assert typed("hello").type_sent.startswith("text/plain")
    assert typed("hello", content_type=BINARY).type_sent == BINARY
    assert Draft(Source.PARTS).type_sent == ""
    assert type_of_file(Path("weights.tar.gz")) == BINARY
    assert type_of_file(None) == BINARY


def test_a_typed_content_type_replaces_the_automatic_one() -> None:
    request = typed("x", headers="content-type: a/b").request(BASE, KEY)
    assert request.headers == (("content-type", "a/b"),)


def test_the_place_of_a_mistake_in_json_is_named() -> None:
    assert json_mistake('{"a": [1, 2]}') == ""
    assert "line 2, column 6" in json_mistake('{\n"a": ,}')
    assert "deeply" in json_mistake("[" * 100_000)


def test_broken_json_is_warned_of_and_can_be_sent() -> None:
    draft = typed('{"a": }')
    assert draft.problem() == ""
    assert "column 7" in draft.warning()
    assert typed("{", content_type=BINARY).warning() == ""


@pytest.mark.parametrize("line", ["no colon", ": x", "na me: x", "Host: elsewhere", "Content-Length: 3", "a: \x07"])
def test_what_is_no_header_is_named(line: str) -> None:
    assert headers_problem(f"Fine: yes\n\n{line}")


def test_headers_are_read_line_by_line() -> None:
    assert headers_problem("A: 1\n\n b : two: 2 ") == ""
    assert parse_headers("A: 1\n\n b : two: 2 \nnone") == (("A", "1"), ("b", "two: 2"))


@pytest.mark.parametrize("part", [Part(""), Part("a=b"), Part('a"b'), Part("data", is_file=True)])
def test_a_part_that_cannot_be_sent_is_named(part: Part) -> None:
    assert parts_problem([Part("fine"), part])


def test_a_form_needs_a_part_and_a_file_needs_a_path() -> None:
    assert Draft(Source.PARTS).problem()
    assert Draft(Source.FILE).problem()
    assert Draft(Source.PARTS, parts=(Part("data", "x"),)).problem() == ""


def test_one_file_becomes_the_body_and_several_become_parts() -> None:
    assert Draft().with_files([SEVEN]).path == SEVEN
    several = Draft().with_files([SEVEN, Path("b.json")])
    assert [part.name for part in several.parts] == ["seven", "b"]
    assert len(several.with_files([SEVEN]).parts) == 3
    assert several.body_words == "seven, b"


def test_a_body_is_told_in_one_line() -> None:
    assert Draft(path=SEVEN).body_words == "seven.png"
    assert Draft().body_words == ""
    assert typed("a\n b").body_words == "a b"
