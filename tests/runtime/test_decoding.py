"""What a handler sees of a request's inputs."""

from __future__ import annotations

from typing import Any

import pytest

from engine.runtime.decoding import decode_rows, decode_value, header_view


@pytest.mark.parametrize(
    ("content_type", "raw", "seen"),
    [
        ("application/json", b'{"a": [1, null]}', {"a": [1, None]}),
        ("application/json; charset=utf-8", b"1", 1),
        ("application/json ; charset=utf-8", b"1", bytearray(b"1")),
        ("application/json", "naïve".encode("latin-1"), bytearray(b"na\xefve")),
        ("application/json", b"{", bytearray(b"{")),
        ("application/json", b"[" * 200_000, bytearray(b"[" * 200_000)),
        ("application/json", b"", bytearray()),
        ("Application/JSON", b"1", bytearray(b"1")),
        ("application/x+json", b"1", bytearray(b"1")),
        ("text/plain; charset=latin-1", "ü".encode(), "ü"),
        ("text", b"a", "a"),
        ("text/plain", b"\xff", bytearray(b"\xff")),
        ("Text/plain", b"a", bytearray(b"a")),
        ("image/png", b"\x89", bytearray(b"\x89")),
        ("", b"a", bytearray(b"a")),
    ],
)
def test_a_value_is_decoded_by_its_content_type(content_type: str, raw: bytes, seen: Any) -> None:
    value = decode_value(content_type, bytearray(raw))
    assert (value, type(value)) == (seen, type(seen))


def job(*inputs: tuple[str, str, bytes], **headers: str) -> dict[str, Any]:
    return {"id": "x", "headers": headers, "inputs": [[name, kind, len(raw)] for name, kind, raw in inputs]}


def test_a_lone_input_is_handed_over_without_a_copy() -> None:
    body = bytearray(b"abc")
    (row,) = decode_rows([job(("body", "image/png", b"abc"))], body, decode=True)
    assert row["body"] is body


def test_inputs_of_several_requests_are_told_apart() -> None:
    jobs = [job(("a", "text/plain", b"one"), ("b", "", b"two")), job(), job(("a", "application/json", b"3"))]
    assert decode_rows(jobs, bytearray(b"onetwo3"), decode=True) == [{"a": "one", "b": bytearray(b"two")}, {}, {"a": 3}]


def test_the_last_of_inputs_with_one_name_wins() -> None:
    jobs = [job(("a", "text/plain", b"1"), ("a", "text/plain", b"2"))]
    assert decode_rows(jobs, bytearray(b"12"), decode=True) == [{"a": "2"}]


def test_the_type_of_an_input_is_told_without_its_parameters() -> None:
    view = header_view(job(("a", "text/csv; charset=utf-8", b"1"), ("b", "", b"2")))
    assert view == {"a": {"content-type": "text/csv"}, "b": {"content-type": ""}}


def test_nothing_is_decoded_when_decoding_is_off() -> None:
    jobs = [job(("a", "application/json", b"1"), ("b", "text/plain", b"2"))]
    assert decode_rows(jobs, bytearray(b"12"), decode=False) == [{"a": bytearray(b"1"), "b": bytearray(b"2")}]


def test_headers_show_inputs_too_and_win_over_them() -> None:
    view = header_view(job(("body", "text/plain", b""), ("data", "", b""), data="header"))
    assert view == {"body": {"content-type": "text/plain"}, "data": "header"}
