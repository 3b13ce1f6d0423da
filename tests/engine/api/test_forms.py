"""Forms as inputs: which fields come out, how many there may be, and that large ones do not hold the loop."""

from __future__ import annotations

import io
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from engine.api.forms import UNQUOTED, FormLimits, read_fields, read_parts
from engine.errors import BadRequestError
from engine.threads import no_pause
from tests.engine.api.conftest import Serve
from tests.support.loop_watch import Call, watched_loop
from tests.support.servers import Answer, Server
from tests.support.workers import FakeLauncher

LIMITS = FormLimits(fields=1000, parts=100, size=1_000_000, header_line=8190, headers=128)
HEADERS = {"Content-Type": "multipart/form-data; boundary=B"}
FORM = "application/x-www-form-urlencoded"
# Seconds of processor time that one callback may take.
MOST = 0.05


def part(name: str, value: bytes = b"x") -> bytes:
    return b'--B\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--B--\r\n"


def values_of(body: bytes) -> dict[str, bytes]:
    return {field.name: field.data for field in read_fields([body], LIMITS, no_pause)}


@pytest.mark.parametrize("body", [b"a=1&b=%41+%c3%a9%zz%", b"=&&a=b=c&d=", b"%61=%26&\xff=\x80&a=2", b"a&b=%4"])
def test_fields_are_those_of_the_standard_library(body: bytes) -> None:
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    expected = {name.encode("latin-1").decode(errors="replace"): value.encode("latin-1") for name, value in pairs}
    assert values_of(body) == expected


@pytest.mark.parametrize("shift", range(4))
def test_an_escape_is_whole_wherever_a_long_value_is_cut(shift: int) -> None:
    assert values_of(b"a=" + b"x" * shift + b"%41" * UNQUOTED) == {"a": b"x" * shift + b"A" * UNQUOTED}


def test_a_form_has_no_more_fields_than_the_limit() -> None:
    at_the_limit = b"&".join(b"%d=" % number for number in range(LIMITS.fields))
    assert len(values_of(at_the_limit)) == LIMITS.fields
    with pytest.raises(BadRequestError, match=r"more than 1000 fields \(max_form_fields\)"):
        values_of(at_the_limit + b"&a=")
    with pytest.raises(BadRequestError, match="more than 1000 fields"):
        values_of(b"&" * 2000)


def test_a_form_has_no_more_parts_than_the_limit() -> None:
    parts = [part(str(number)) for number in range(LIMITS.parts)]
    assert len(read_parts(HEADERS, [multipart(*parts)], LIMITS, no_pause)) == LIMITS.parts
    with pytest.raises(BadRequestError, match=r"more than 100 parts \(max_form_parts\)"):
        # All of one name, of which the last counts: each has to be read.
        read_parts(HEADERS, [multipart(*[part("a")] * (LIMITS.parts + 1))], LIMITS, no_pause)


def test_parts_are_the_same_however_the_body_came() -> None:
    value = bytes(range(256)) * 300
    body = multipart(part("a"), part("b", value), part("c"))
    whole = read_parts(HEADERS, [body], LIMITS, no_pause)
    assert [(one.name, one.data) for one in whole] == [("a", b"x"), ("b", value), ("c", b"x")]
    assert read_parts(HEADERS, [body[at : at + 1000] for at in range(0, len(body), 1000)], LIMITS, no_pause) == whole


def test_parts_that_are_too_large_together_are_refused() -> None:
    with pytest.raises(web.HTTPRequestEntityTooLarge):
        read_parts(HEADERS, [multipart(*[part("a", bytes(600_000))] * 2)], LIMITS, no_pause)


def test_a_form_without_its_end_is_refused() -> None:
    with pytest.raises(BadRequestError, match="cannot be read"):
        read_parts(HEADERS, [part("a")[:-3]], LIMITS, no_pause)


LARGE = {
    "many fields": (FORM, b"&".join(b"n%d=1" % number for number in range(20_000)), 200),
    "too many fields": (FORM, b"a=1&" * 1_600_000, 400),
    "escapes": (FORM, b"a=" + b"%41" * 1_000_000, 200),
    "random bytes": (FORM, b"a=" + bytes(range(256)) * 12_000, 200),
    "many parts": (HEADERS["Content-Type"], multipart(*[part(f"n{number}") for number in range(3000)]), 200),
    "too many parts": (HEADERS["Content-Type"], multipart(*[part("n")] * 100_000), 400),
    "a large file": (HEADERS["Content-Type"], multipart(part("a", bytes(6_000_000))), 200),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_form_does_not_hold_the_loop(serve: Serve, name: str) -> None:
    content_type, body, status = LARGE[name]
    answers: list[Answer] = []
    calls: list[Call] = []

    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        with watched_loop() as found:
            answers.append(await server.predict("noop", data=io.BytesIO(body), headers={"Content-Type": content_type}))
        calls.extend(found)

    serve(scenario, FakeLauncher(), max_form_parts=5000)
    assert answers[0].status == status, answers[0].body
    longest = max(calls, key=lambda call: call.cpu)
    assert longest.cpu < MOST, longest
