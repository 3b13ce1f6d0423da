"""The express lane answers as the other one does, and leaves to that what it does not take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from tests.engine.api.conftest import Drive
from tests.support.lanes import Client, closed_lane, connect, lines_of, written
from tests.support.servers import Server, until
from tests.support.workers import FakeLauncher

POST = "POST /predictions/noop HTTP/1.1"


class Seen(NamedTuple):
    """What a client got, and what the handler did; whether the express lane wrote the answer."""

    answer: list[bytes]
    jobs: list[dict[str, Any]]
    express: bool


@pytest.fixture
def exchange(drive: Drive) -> Callable[..., Seen]:
    """Return what sends one request and tells what came of it."""

    def run(request: tuple[str, ...], body: bytes, answer: tuple[int, str, dict[str, str], bytes], **more: Any) -> Seen:
        got: list[bytes] = []

        async def scenario(_server: Server, client: Client) -> None:
            client.send(*request, body=body)
            head, content = await client.answer()
            got.extend([*lines_of(head), content])

        with written() as found:
            launcher = drive(scenario, FakeLauncher(answer=answer), **more)
        jobs = [{**job, "id": "", "headers": {**job["headers"], "Host": ""}} for job in launcher.workers[0].jobs]
        return Seen(got, jobs, found == [True])

    return run


PLAIN: tuple[int, str, dict[str, str], bytes] = (0, "", {}, b"OK")
ANSWERS = [
    (PLAIN, True),
    ((0, "", {}, b""), True),
    ((0, "Large", {"Content-Type": "video/mp4"}, bytes(range(256)) * 2000), True),
    ((200, "Fine", {"Content-Type": "text/plain; charset=utf-8", "X-Mood": "süß"}, "ä".encode()), True),
    ((299, "", {"x-request-id": "theirs", "connection": "close", "Content-Length": "7"}, b"own"), True),
    ((201, "Made", {"x-frame-options": "SAMEORIGIN", "Server": "handler", "A": "1", "a": "2"}, b"x"), True),
    ((0, "", {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}, b"long ago"), False),
    ((0, "", {"X-Long": "x" * 5000}, b"not remembered"), False),
    ((204, "", {}, b""), False),
    ((304, "", {}, b""), False),
    ((404, "Nothing here", {}, b"gone"), False),
    ((503, "", {}, b"later"), False),
    ((150, "", {}, b"x"), False),
    ((0, "a\r\nb", {}, b"x"), False),
    ((0, "", {"no name": "x"}, b"x"), False),
]


@pytest.mark.parametrize(("answer", "express"), ANSWERS)
def test_every_answer_is_the_same_by_either_lane(
    exchange: Callable[..., Seen], answer: tuple[int, str, dict[str, str], bytes], *, express: bool
) -> None:
    request = (POST, "Content-Type: application/json")
    quick = exchange(request, b"{}", answer)
    with closed_lane():
        other = exchange(request, b"{}", answer)
    assert quick.answer == other.answer
    assert (quick.express, other.express) == (express, False)


REQUESTS: list[tuple[tuple[str, ...], bytes, bool]] = [
    ((POST,), b"", True),
    ((POST, "Content-Type: image/png", "X-Own: a  b: c"), bytes(range(256)), True),
    (("PUT /predictions/noop/1.0/and/more HTTP/1.1", "Connection: Keep-Alive", "accept: */*"), b"text", True),
    ((POST, "Content-Type: application/x-www-form-urlencoded"), b"a=1", False),
    ((POST, "X-Own: 1", "X-Own: 2"), b"x", False),
    ((POST, "X-Own: ä"), b"x", False),
    ((POST, "X-Own:close to the name"), b"x", False),
    (("GET /predictions/noop?a=1 HTTP/1.1",), b"", False),
    (("POST /predictions/no%6Fp HTTP/1.1",), b"x", False),
    (("POST /predictions/noop/ HTTP/1.1",), b"x", False),
    (("POST /v1/models/noop:predict HTTP/1.1",), b"x", False),
    ((POST,), bytes(range(256)) * 4096, True),
]


@pytest.mark.parametrize(("request_lines", "body", "express"), REQUESTS)
def test_a_handler_sees_the_same_by_either_lane(
    exchange: Callable[..., Seen], request_lines: tuple[str, ...], body: bytes, *, express: bool
) -> None:
    quick = exchange(request_lines, body, PLAIN)
    with closed_lane():
        other = exchange(request_lines, body, PLAIN)
    assert quick.answer == other.answer
    assert quick.jobs == other.jobs != []
    assert (quick.express, other.express) == (express, False)


@pytest.mark.parametrize(
    "fields",
    [
        ("Origin: https://evil.example",),
        ("Sec-Fetch-Site: cross-site",),
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: +2",),
        ("Transfer-Encoding: chunked", "Content-Length: 2"),
        ("Content-Length : 2",),
        (" folded: 2",),
        ("Host: evil.example",),
        ("Expect: 200-please",),
        ("Upgrade: h2c", "Connection: Upgrade"),
    ],
)
def test_what_is_refused_is_refused_by_either_lane(drive: Drive, fields: tuple[str, ...]) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.send(POST, *fields)
        client.write(b"{}")
        statuses.append((await client.answer())[0].split(b" ", 2)[1])

    statuses: list[bytes] = []
    drive(scenario)
    with closed_lane():
        drive(scenario)
    assert statuses[0] == statuses[1]
    assert statuses[0][:1] == b"4" or fields[0].startswith("Upgrade")


def test_answers_carry_what_the_settings_ask_for(exchange: Callable[..., Seen]) -> None:
    seen = exchange((POST,), b"", PLAIN, cors_allowed_origin="https://page.example", cors_allowed_methods="POST")
    assert seen.express
    assert b"Access-Control-Allow-Origin: https://page.example" in seen.answer
    assert b"Access-Control-Allow-Methods: POST" in seen.answer


def test_a_body_may_come_in_pieces_and_several_requests_in_one(drive: Drive) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        with written() as found:
            client.send(POST, "Content-Length: 6")
            client.write(b"abc")
            await asyncio.sleep(0)
            client.write(b"def")
            assert (await client.answer())[1] == b"OK"
            for name in ("X-First: 1", "X-Second: 2", "X-Third: 3"):
                client.send(POST, name, body=b"{}")
            assert [(await client.answer())[1] for _ in range(3)] == [b"OK"] * 3
            assert found == [True] * 4

    jobs = drive(scenario).workers[0].jobs
    assert [job["inputs"][0][2] for job in jobs] == [6, 2, 2, 2]
    assert ["X-Third" in job["headers"] for job in jobs] == [False, False, False, True]


def test_a_client_that_sends_ahead_is_read_again_after_its_answer(drive: Drive) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(_server: Server, client: Client) -> None:
        for batch in (1, 2):
            launcher.received.clear()
            client.send(POST, body=b"{}")
            await launcher.received.wait()
            launcher.received.clear()
            client.send(POST, body=b"{}")
            for _ in range(20):
                await asyncio.sleep(0)
            launcher.workers[0].reply(2 * batch - 1)
            await launcher.received.wait()
            launcher.workers[0].reply(2 * batch)
            assert [(await client.answer())[1] for _ in range(2)] == [b"OK"] * 2

    with written() as found:
        drive(scenario, launcher)
    assert found == [True] * 4


def test_what_is_added_to_the_headers_of_a_request_is_not_seen_by_the_next(drive: Drive) -> None:
    async def scenario(server: Server, client: Client) -> None:
        real = server.engine.predict

        def adding(name: str, version: str | None, request_id: str, headers: dict[str, str], inputs: Any) -> Any:
            assert "X-Added" not in headers
            headers["X-Added"] = "yes"
            return real(name, version, request_id, headers, inputs)

        with patch.object(server.engine, "predict", adding):
            for _ in range(2):
                client.send(POST, body=b"{}")
                assert (await client.answer())[1] == b"OK"

    jobs = drive(scenario).workers[0].jobs
    assert [job["headers"]["X-Added"] for job in jobs] == ["yes", "yes"]


def test_a_connection_goes_on_with_whatever_comes_next(drive: Drive) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.send(POST, body=b"{}")
        client.send("GET /ping HTTP/1.1")
        client.send(POST, body=b"{}")
        bodies = [(await client.answer())[1] for _ in range(3)]
        assert (bodies[0], bodies[2]) == (b"OK", b"OK")
        assert b"Healthy" in bodies[1]

    drive(scenario)


def test_a_model_that_is_not_there_is_told_by_the_other_lane(drive: Drive) -> None:
    async def scenario(server: Server, client: Client) -> None:
        client.send("POST /predictions/nobody HTTP/1.1", body=b"{}")
        head, body = await client.answer()
        assert head.startswith(b"HTTP/1.1 404 ")
        assert b"ModelNotFoundException" in body
        assert await client.is_closed()
        assert server.engine.metrics.answers.refused == 1

    drive(scenario)


def test_a_client_that_hangs_up_leaves_the_queue(drive: Drive) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server, client: Client) -> None:
        client.send(POST, body=b"{}")
        await launcher.received.wait()
        impatient = await connect(server)
        impatient.send(POST, body=b"{}")
        [version] = server.engine._versions.values()
        async with asyncio.timeout(10):
            while version.queue.pending != 1:  # noqa: ASYNC110 - nobody tells of a job that waits
                await asyncio.sleep(0)
            await impatient.close()
            while version.queue.pending:  # noqa: ASYNC110
                await asyncio.sleep(0)
        launcher.workers[0].reply(1)
        assert (await client.answer())[1] == b"OK"

    drive(scenario, launcher)


def test_a_stop_waits_for_the_answer(drive: Drive) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(server: Server, client: Client) -> None:
        client.send(POST, body=b"{}")
        await launcher.received.wait()
        idle = await connect(server)
        stopping = asyncio.get_running_loop().create_task(server.host.stop())
        await until(server.engine, lambda: not server.host.addresses)
        launcher.workers[0].reply(1)
        assert (await client.answer())[1] == b"OK"
        assert await client.is_closed()
        assert await idle.is_closed()
        await idle.close()
        await stopping

    drive(scenario, launcher)
