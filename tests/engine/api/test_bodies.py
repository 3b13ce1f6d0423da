"""What a handler gets of each kind of request body."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import FormData

from tests.engine.api.conftest import Serve
from tests.support.servers import Answer, Server
from tests.support.workers import FakeLauncher

LIMIT = 10_000


class Case:
    """One prediction sent to a fake worker: its answer, and the inputs that the worker got."""

    def __init__(self, serve: Serve, **options: Any) -> None:
        launcher = FakeLauncher()

        async def scenario(server: Server) -> None:
            await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
            self.answer: Answer = await server.predict("noop", **options)

        serve(scenario, launcher, max_request_size=LIMIT)
        jobs = launcher.workers[0].jobs
        self.inputs = [tuple(part) for job in jobs for part in job["inputs"]]
        self.headers = {name: value for job in jobs for name, value in job["headers"].items()}


def test_a_raw_body_is_one_input_with_its_content_type(serve: Serve) -> None:
    case = Case(serve, data=b"\x00\x01\x02", headers={"Content-Type": "image/png"})

    assert case.answer.status == 200
    assert case.inputs == [("body", "image/png", 3)]


def test_json_is_a_raw_body_too_and_not_even_looked_at(serve: Serve) -> None:
    case = Case(serve, data=b"{broken", headers={"Content-Type": "application/json"})

    assert case.inputs == [("body", "application/json", 7)]


def test_no_body_is_an_empty_input(serve: Serve) -> None:
    case = Case(serve, skip_auto_headers=["Content-Type"])

    assert case.answer.status == 200
    assert case.inputs == [("body", "", 0)]


def test_a_urlencoded_form_gives_its_fields_the_last_of_each_name(serve: Serve) -> None:
    form = "application/x-www-form-urlencoded"
    case = Case(serve, data=b"a=1&b=%C3%A9&a=333&empty=", headers={"Content-Type": form})

    assert case.inputs == [("a", "", 3), ("b", "", 2), ("empty", "", 0)]


def test_a_form_without_any_field_has_no_input(serve: Serve) -> None:
    case = Case(serve, data=b"plain", headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert case.answer.status == 200
    assert case.inputs == []


@pytest.mark.parametrize("body", [b"a=\xff\x00", b"a=%ff%00", b"\xff=%ff\x00"])
def test_the_values_of_a_form_are_bytes_in_any_encoding(serve: Serve, body: bytes) -> None:
    case = Case(serve, data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})

    [(name, _, length)] = case.inputs
    assert name in {"a", "\ufffd"}
    assert length == 2


def test_a_multipart_form_keeps_the_content_type_of_files_alone(serve: Serve) -> None:
    form = FormData()
    form.add_field("note", "text", content_type="text/plain")
    form.add_field("data", b"12345", filename="x.png", content_type="image/png")

    case = Case(serve, data=form)

    assert case.answer.status == 200
    assert case.inputs == [("note", "", 4), ("data", "image/png", 5)]


def test_a_multipart_form_that_is_none_is_refused(serve: Serve) -> None:
    for kind, data in [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"no boundary here"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'),
    ]:
        case = Case(serve, data=data, headers={"Content-Type": kind})
        assert case.answer.error[:2] == (400, "BadRequestException"), (kind, data, case.answer)
        assert case.inputs == []


def test_a_body_over_the_limit_gets_a_bare_413(serve: Serve) -> None:
    case = Case(serve, data=b"x" * (LIMIT + 1))

    assert (case.answer.status, case.answer.body) == (413, b"")
    assert case.answer.reason == "Request Entity Too Large"
    assert "Pragma" not in case.answer.headers
    assert case.inputs == []


def test_a_body_at_the_limit_passes(serve: Serve) -> None:
    case = Case(serve, data=b"x" * LIMIT, headers={"Content-Type": "a/b"})

    assert case.inputs == [("body", "a/b", LIMIT)]


def test_the_parts_of_a_form_together_keep_to_the_limit(serve: Serve) -> None:
    form = FormData()
    for number in range(3):
        form.add_field(f"part{number}", b"x" * (LIMIT // 2), filename="f")

    case = Case(serve, data=form)

    assert case.answer.status == 413
    assert case.inputs == []


PART = b'--B\r\nContent-Disposition: form-data; name="a"'
REST = b"\r\n\r\nx\r\n--B--\r\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(PART + b"\r\nContent-Transfer-Encoding: zebra" + REST, id="unknown transfer encoding"),
        pytest.param(PART + b"\r\nContent-Transfer-Encoding: base64" + REST, id="no base64"),
        pytest.param(PART + b"\r\n--zebra--" + REST, id="no header"),
        pytest.param(PART + b"\r\nX: " + b"x" * 9000 + REST, id="long header"),
        pytest.param(PART + b"\r\nX: y" * 600 + REST, id="many headers"),
        pytest.param(PART + b"\r\n\r\nx", id="no end"),
        pytest.param(b"--B\r\nX: y" + REST, id="no name"),
    ],
)
def test_a_form_that_cannot_be_read_is_the_clients_fault(serve: Serve, body: bytes) -> None:
    case = Case(serve, data=body, headers={"Content-Type": "multipart/form-data; boundary=B"})

    assert case.answer.error[:2] == (400, "BadRequestException")
    assert case.inputs == []


def test_a_compressed_body_reaches_the_handler_as_it_came(serve: Serve) -> None:
    packed = gzip.compress(b"some text")
    case = Case(serve, data=packed, headers={"Content-Encoding": "gzip", "Content-Type": "a/b"})

    assert case.inputs == [("body", "a/b", len(packed))]


def test_headers_keep_the_spelling_of_the_client(serve: Serve) -> None:
    case = Case(serve, headers={"content-type": "a/b", "X-Request-Id": "mine", "X-TWICE": "one"})

    assert {"content-type": "a/b", "X-Request-Id": "mine", "X-TWICE": "one"}.items() <= case.headers.items()
    assert "Content-Type" not in case.headers


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param(b"a=1&b", ["a"], id="the last field has no value"),
        pytest.param(b"a&b=1", ["a", "b"], id="the first field has no value"),
        pytest.param(b"a&", ["a"], id="nothing after the last &"),
        pytest.param(b"&", [], id="& alone"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_what_stands_last_in_a_form_is_a_field_only_with_an_equals_sign(
    serve: Serve, body: bytes, fields: list[str]
) -> None:
    case = Case(serve, data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert [name for name, *_ in case.inputs] == fields


def test_a_line_end_closes_a_form(serve: Serve) -> None:
    case = Case(serve, data=b"a=1\r\n", headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert case.inputs == [("a", "", 1)]


def test_any_other_multipart_type_is_a_body_as_it_is(serve: Serve) -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--B--\r\n'
    case = Case(serve, data=body, headers={"Content-Type": "multipart/mixed; boundary=B"})

    assert case.inputs == [("body", "multipart/mixed; boundary=B", len(body))]


def test_a_file_of_no_declared_type_is_bytes(serve: Serve) -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\nx\r\n--B--\r\n'
    case = Case(serve, data=body, headers={"Content-Type": "multipart/form-data; boundary=B"})

    assert case.inputs == [("a", "application/octet-stream", 1)]


def test_bytes_that_are_no_utf8_are_replaced_in_names_and_kept_in_headers(serve: Serve) -> None:
    launcher = FakeLauncher()
    body = b'--B\r\nContent-Disposition: form-data; name="\xff"; filename="f"\r\nContent-Type: \xff' + REST
    head = b"Content-Type: multipart/form-data; boundary=B\r\nX-Odd: \xff\r\nConnection: close\r\n"

    async def scenario(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        where = urlsplit(server.host.addresses["inference"])
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(f"POST /predictions/noop HTTP/1.1\r\nHost: {where.netloc}\r\n".encode())
        writer.write(b"Content-Length: %d\r\n" % len(body) + head + b"\r\n" + body)
        assert b" 200 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
        # The worker goes on as if nothing had happened.
        assert (await server.predict("noop")).status == 200

    serve(scenario, launcher)
    assert launcher.workers[0].jobs[0]["inputs"] == [["\ufffd", "\ufffd", 1]]
    assert launcher.workers[0].jobs[0]["headers"]["X-Odd"] == "\u00ff"
