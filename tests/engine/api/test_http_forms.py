"""Forms of HTTP that clients and proxies use, and bytes that are no HTTP, by either lane."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import nullcontext
from unittest.mock import patch

import pytest

from engine.api.answers import MOST_HEADERS
from engine.serving.jobs import Reply, Stream
from tests.engine.api.conftest import Drive
from tests.support.lanes import Client, closed_lane, lines_of
from tests.support.servers import Server

POST = "POST /predictions/noop HTTP/1.1"
PING = "GET /ping HTTP/1.1"
REQUEST_ID = re.compile(rb"\r\nx-request-id: [0-9a-f-]{36}\r\n")


@pytest.fixture
def answers(drive: Drive) -> Callable[..., list[tuple[bytes, bytes]]]:
    """Return what sends bytes to both lanes, compares what comes back, and returns it: head and body of each answer."""

    def run(data: bytes, count: int = 1) -> list[tuple[bytes, bytes]]:
        async def scenario(server: Server, client: Client) -> None:
            client.write(data.replace(b"{host}", server.host.addresses["inference"][7:].encode()))
            got.append([await client.answer() for _ in range(count)])

        got: list[list[tuple[bytes, bytes]]] = []
        for lanes in (nullcontext(), closed_lane()):
            with lanes:
                drive(scenario)
        quick, other = got
        assert [(lines_of(head), body) for head, body in quick] == [(lines_of(head), body) for head, body in other]
        return quick

    return run


def request(line: str, *fields: str, body: bytes = b"") -> bytes:
    return "".join(f"{one}\r\n" for one in (line, "Host: {host}", *fields, "")).encode() + body


GARBAGE = [
    request("GET /ping?a=ä HTTP/1.1"),
    request("POST /predictions/noop?a=ä HTTP/1.1", "Content-Length: 2", body=b"{}"),
    request("GET /ping?a=ä HTTP/1.1").decode().encode("latin-1"),
    request("GET /predictions/ä HTTP/1.1"),
    request("GET /ping#ä HTTP/1.1"),
    request("GET http://{host}/ping?a=ä HTTP/1.1"),
    request("GET http://[::1 HTTP/1.1"),
    request("GET http://a:99999999/ HTTP/1.1"),
    request(f"GET /ping?{'a' * 9000} HTTP/1.1"),
    request(f"GET /{'a' * 9000} HTTP/1.1"),
    request(PING, f"X-Long: {'a' * 9000}"),
    request(PING, *(f"X-{number}: 1" for number in range(MOST_HEADERS + 1))),
    request(PING).replace(b"\r\n", b"\n"),
    request(PING, "X-One: 1\nX-Two: 2"),
    request(PING, "X-One: \x01"),
    request("GET /ping HTTP/1.2"),
    request("GARBAGE"),
    request(POST, "Transfer-Encoding: strange"),
    request(POST, "Content-Length: x"),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.mark.parametrize("data", GARBAGE)
def test_bytes_that_are_no_request_get_the_error_of_the_api(
    answers: Callable[..., list[tuple[bytes, bytes]]], data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    [(head, body)] = answers(data)
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\nConnection: close\r\n" in head
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert REQUEST_ID.search(head)
    assert b'"type": "BadRequestException"' in body
    assert not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]
    assert all(record.getMessage().isprintable() for record in caplog.records)


@pytest.mark.parametrize(
    "first",
    [
        request(PING),
        request("GET /ping?a=1 HTTP/1.1"),
        request(POST, "Content-Length: 2", body=b"{}"),
        request(POST, "Content-Type: text/csv", "X-One: 1", "x-one: 2", "Content-Length: 2", body=b"{}"),
        request(POST, "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
        request(PING, "Upgrade: websocket", "Connection: Upgrade"),
        request(PING, "Upgrade: h2c", "Connection: Upgrade"),
        request(POST, "Upgrade: websocket", "Connection: Upgrade", "Content-Length: 2", body=b"{}"),
    ],
)
@pytest.mark.parametrize(
    ("second", "status"), [(b"GARBAGE\r\n\r\n", b"400"), (b"{}", b"400"), (request("GET /ping?b=2 HTTP/1.1"), b"200")]
)
def test_a_request_is_answered_whatever_follows_it(
    answers: Callable[..., list[tuple[bytes, bytes]]], first: bytes, second: bytes, status: bytes
) -> None:
    got = answers(first + second, 2)
    assert [head.split(b" ", 2)[1] for head, _ in got] == [b"200", status]


@pytest.mark.parametrize("line", [POST, "POST /ping HTTP/1.1"])
@pytest.mark.parametrize("together", [True, False])
def test_a_chunk_that_cannot_be_read_ends_the_request(
    drive: Drive, line: str, caplog: pytest.LogCaptureFixture, *, together: bool
) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.send(line, "Transfer-Encoding: chunked", "Content-Type: image/png")
        if not together:
            client.write(b"1\r\nx\r\n")
            await asyncio.sleep(0)
        client.write(b"zz\r\n")
        head, body = await client.answer()
        assert head.split(b" ", 2)[1] == (b"400" if line == POST else b"200")
        assert b"BadRequestException" in body or line != POST
        if line == POST:
            assert await client.is_closed()

    drive(scenario)
    assert not [record for record in caplog.records if record.exc_info]


def test_as_many_headers_are_read_as_torchserve_reads(answers: Callable[..., list[tuple[bytes, bytes]]]) -> None:
    fields = [f"X-{number}: 1" for number in range(MOST_HEADERS - 1)]
    for line in (PING, "GET /ping?a=1 HTTP/1.1", POST):
        [(head, _)] = answers(request(line, *fields))
        assert head.split(b" ", 2)[1] == b"200"


@pytest.mark.parametrize("name", ["Connection", "Proxy-Connection"])
def test_a_connection_ends_when_the_client_says_so(
    answers: Callable[..., list[tuple[bytes, bytes]]], name: str
) -> None:
    for line in (PING, POST):
        [(head, _)] = answers(request(line, f"{name}: close"))
        assert b"\r\nConnection: close\r\n" in head


def test_a_client_that_expects_100_continue_gets_it_before_it_sends_the_body(drive: Drive) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.send(POST, "Expect: 100-Continue", "Content-Length: 2")
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.write(b"{}")
        assert (await client.answer())[1] == b"OK"
        # A client that does not wait after all needs none.
        client.send(POST, "Expect: 100-continue", body=b"{}")
        assert (await client.answer())[0].startswith(b"HTTP/1.1 200 ")

    assert [job["inputs"][0][2] for job in drive(scenario).workers[0].jobs] == [2, 2]


@pytest.mark.parametrize(
    ("line", "fields", "status"),
    [
        (POST, ("Expect: 200-please", "Content-Length: 2"), b"417"),
        (POST, ("Expect: 100-continue, other", "Content-Length: 2"), b"417"),
        (POST, ("Expect: 100-continue", "Content-Length: 2000"), b"413"),
        (POST, ("Content-Length: 2000",), b"413"),
        (PING, ("Expect: 100-continue", "Content-Length: 2000"), b"413"),
        ("POST /nowhere/at/all HTTP/1.1", ("Expect: 100-continue", "Content-Length: 2"), b"404"),
        (POST, ("Expect: 100-continue", "Content-Length: 2", "Origin: https://evil.example"), b"403"),
    ],
)
def test_a_body_that_is_not_wanted_is_refused_before_it_comes(
    drive: Drive, line: str, fields: tuple[str, ...], status: bytes
) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.send(line, *fields)
        head, _ = await client.answer()
        assert head.split(b" ", 2)[1] == status
        assert b"\r\nConnection: close\r\n" in head

    assert not drive(scenario, max_request_size=1000).workers[0].jobs


@pytest.mark.parametrize(
    ("fields", "stays"), [((), False), (("Connection: keep-alive",), True), (("Connection: close",), False)]
)
def test_http_1_0_keeps_the_connection_when_the_client_says_so(
    drive: Drive, fields: tuple[str, ...], *, stays: bool
) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        # HTTP/1.0 has no 100 Continue.
        client.send("POST /predictions/noop HTTP/1.0", *fields, "Expect: 100-continue", body=b"{}")
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.0 200 ")
        assert body == b"OK"
        assert (b"\r\nConnection: keep-alive\r\n" in head) is stays
        assert (b"\r\nConnection: close\r\n" in head) is not stays
        if stays:
            client.send("GET /ping HTTP/1.0")
            await client.answer()
        assert await client.is_closed()

    drive(scenario)


@pytest.mark.parametrize(
    ("line", "status", "end"),
    [
        ("POST /predictions/noop HTTP/1.0", 0, b"onetwothree"),
        ("POST /predictions/noop HTTP/1.0", 404, b"onetwothree"),
        ("HEAD /predictions/noop HTTP/1.0", 0, b""),
        ("HEAD /predictions/noop HTTP/1.1", 0, b""),
        (POST, 204, b""),
        (POST, 0, b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("fields", [("Connection: close",), ("Connection: keep-alive",)])
def test_an_answer_in_pieces_ends_as_the_clients_version_of_http_says(
    drive: Drive, line: str, status: int, end: bytes, fields: tuple[str, ...]
) -> None:
    async def scenario(server: Server, client: Client) -> None:
        stream = Stream("a test")
        for piece in (b"two", b"three", None):
            stream.put(piece)
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(Reply(status, "", {}, b"one", stream))
        with patch.object(server.engine, "predict", return_value=answer):
            client.send(line, *fields)
            head = await client.until(b"\r\n\r\n")
            stays = line.endswith("1.1") and fields == ("Connection: keep-alive",)
            assert (b"\r\nConnection: keep-alive\r\n" in head) is stays
            assert (b"\r\nTransfer-Encoding: chunked\r\n" in head) is end.endswith(b"0\r\n\r\n")
            if end:
                assert await client.until(end) == end
            if stays:
                client.send(PING)
                assert b"Healthy" in (await client.answer())[1]
            else:
                assert await client.is_closed()

    drive(scenario)
