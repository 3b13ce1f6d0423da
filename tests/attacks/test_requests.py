"""Attacks 31 to 35: requests that are too large, too slow, too many or not what they seem."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import psutil
import pytest

from tests.attacks.conftest import APIS, Attacked, nothing_changed, send, status
from tests.support.servers import Server

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(server: Server, api: str, data: bytes = b"") -> Opened:
    where = urlsplit(server.host.addresses[api])
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(data.replace(b"{host}", where.netloc.encode()))
    return reader, writer


async def is_closed(opened: Opened, seconds: float = 10) -> bool:
    """Whether the server closes the connection in time, with an answer or without."""
    try:
        async with asyncio.timeout(seconds):
            await opened[0].read()
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


async def leave(*connections: Opened) -> None:
    for _, writer in connections:
        writer.close()


@pytest.mark.parametrize("api", APIS)
def test_31_too_large_a_body_is_refused_whatever_it_says_of_itself(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        path = {"inference": "/predictions/noop", "management": "/models", "metrics": "/metrics"}[api]
        told = f"POST {path} HTTP/1.1\nHost: {{host}}\nContent-Length: 100000"
        chunked = f"POST {path} HTTP/1.1\nHost: {{host}}\nTransfer-Encoding: chunked"
        chunk = b"4000\r\n" + bytes(0x4000) + b"\r\n"
        # Nobody reads the body of a question for metrics.
        fit = (200,) if api == "metrics" else (413,)
        assert status(await send(server, api, told, bytes(100_000))) in fit
        assert status(await send(server, api, chunked, chunk * 8 + b"0\r\n\r\n")) in fit
        assert (await server.ask("inference", "GET", "/ping")).status == 200

    attacked(attack, max_request_size=10_000)


@pytest.mark.parametrize("api", APIS)
def test_31_requests_that_can_be_read_in_two_ways_are_refused(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        start = "POST /models HTTP/1.1\nHost: {host}\n"
        for head, body in (
            (f"{start}Content-Length: 4\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
            (f"{start}Content-Length: 4\nContent-Length: 5", b"12345"),
            (f"{start}Content-Length: -1", b""),
            (f"{start}Content-Length: +4", b"1234"),
            (f"{start}Transfer-Encoding: chunked", b"zz\r\n\r\n"),
            (f"{start}Transfer-Encoding: chunked, chunked", b"0\r\n\r\n"),
            (f"{start}Transfer-Encoding: xchunked", b"0\r\n\r\n"),
            ("GET /a\x00b HTTP/1.1\nHost: {host}", b""),
            ("GET / HTTP/1.1\nHost: {host}\nX: a\x00b", b""),
            ("GET / HTTP/1.1\nHost: {host}\n" + "\n".join(f"X-{number}: x" for number in range(5000)), b""),
            ("GET / HTTP/1.1\nHost: {host}\nX: " + "x" * 1_000_000, b""),
            ("GET /" + "x" * 1_000_000 + " HTTP/1.1\nHost: {host}", b""),
            ("GET / HTTP/9.9\nHost: {host}", b""),
            ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
        ):
            # 404: where there is nothing at this path, no body is read, and the connection ends.
            assert status(await send(server, api, head, body)) in (0, 400, 404, 413, 414, 431), (head[:80], body)
        assert (await server.ask("inference", "GET", "/ping")).status == 200
        assert await nothing_changed(server)

    attacked(attack)


@pytest.mark.parametrize("api", APIS)
def test_31_a_client_that_stands_still_is_let_go(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        stalling = [
            await connect(server, api),
            await connect(server, api, b"GET /models HTTP/1.1\r\nHost: "),
            await connect(
                server, api, b"POST /models?url=x.mar HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\nabc"
            ),
        ]
        assert await asyncio.gather(*map(is_closed, stalling)) == [True] * 3
        await leave(*stalling)
        assert await nothing_changed(server)

    attacked(attack, stalled_connection_timeout=1)


def test_31_a_client_that_is_slow_but_moves_is_served(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        head = b"POST /predictions/noop HTTP/1.1\r\nHost: {host}\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"
        reader, writer = await connect(server, "inference", head)
        for _ in range(8):
            writer.write(b"x")
            await asyncio.sleep(0.2)  # what the test is about: longer in all than a client may stand still
        assert status(await reader.read()) == 200
        await leave((reader, writer))

    attacked(attack, stalled_connection_timeout=1)


@pytest.mark.parametrize("api", APIS)
def test_31_idle_connections_make_room_for_new_ones(attacked: Attacked, api: str) -> None:
    async def attack(server: Server) -> None:
        process = psutil.Process()
        idle = [await connect(server, api) for _ in range(50)]
        before = process.memory_info().rss
        idle += [await connect(server, api) for _ in range(200)]
        assert status(await send(server, api, "GET /nowhere HTTP/1.1\nHost: {host}")) == 404
        assert await is_closed(idle[0])
        assert process.memory_info().rss - before < 20_000_000
        await leave(*idle)

    attacked(attack, max_connections=50)


def test_31_bodies_that_wait_hold_no_more_than_they_may(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
        head = b"POST /predictions/noop HTTP/1.1\r\nHost: {host}\r\nContent-Length: 600\r\n\r\nabc"
        slow = await connect(server, "inference", head)
        async with asyncio.timeout(10):
            while (answer := await server.predict("noop", data=bytes(600))).status == 200:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert answer.status == 503
        assert "max_request_memory" in answer.error[2]
        await leave(slow)
        async with asyncio.timeout(10):
            while (await server.predict("noop", data=bytes(600))).status != 200:  # noqa: ASYNC110
                await asyncio.sleep(0)

    attacked(attack, max_request_memory=1000)


@pytest.mark.parametrize(
    "query",
    [
        "initial_workers=-1", "initial_workers=NaN", "initial_workers=1000000000", "initial_workers=1.5",
        "initial_workers=\u0661", "batch_size=0", "batch_size=-1", "batch_size=1e3", "max_batch_delay=1000000000000",
        "max_batch_delay=-1", "response_timeout=-1", "response_timeout=0", "startup_timeout=-1",
        "synchronous=true&batch_size=99999999999999",
    ],
)  # fmt: skip
def test_32_numbers_that_make_no_sense_register_nothing(attacked: Attacked, query: str) -> None:
    async def attack(server: Server) -> None:
        answer = await server.register(f"url=noop-1.0.mar&{query}")
        assert answer.status == 400, answer
        assert await nothing_changed(server)

    attacked(attack)


@pytest.mark.parametrize(
    "query", ["min_worker=1000000000", "min_worker=-1", "max_worker=-1", "min_worker=2&max_worker=1"]
)
def test_32_numbers_that_make_no_sense_scale_nothing(attacked: Attacked, query: str) -> None:
    async def attack(server: Server) -> None:
        await server.register("url=noop-1.0.mar")
        before = await server.describe("noop")
        assert (await server.manage("PUT", f"/models/noop?{query}")).status == 400
        assert await server.describe("noop") == before

    attacked(attack)


def test_34_text_of_a_caller_breaks_no_line_of_the_log(attacked: Attacked, caplog: pytest.LogCaptureFixture) -> None:
    async def attack(server: Server) -> None:
        for path in ("/models/a%0d%0aFAKE", "/models?url=%1b%5b2J%0aFAKE.mar", "/predictions/%e2%80%aeFAKE"):
            await server.manage("GET", path)
            await server.manage("POST", path)
        await send(server, "management", "GET / HTTP/1.1\nHost: \x1b[2JFAKE")

    attacked(attack)
    for record in caplog.records:
        assert record.getMessage().isprintable(), record


def test_34_a_path_of_a_caller_makes_no_series_and_no_label(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        before = (await server.ask("metrics", "GET", "/metrics")).body.count(b"\n")
        for number in range(200):
            await server.predict(f"nobody{number}")
        await server.register('url=noop-1.0.mar&model_name=a"} 1%23{x="')
        text = (await server.ask("metrics", "GET", "/metrics")).body
        assert b"nobody" not in text
        assert text.count(b"\n") - before < 50
        assert b'a"}' not in text

    attacked(attack, metrics_mode="prometheus")


def test_35_answers_tell_no_path_and_no_environment(attacked: Attacked) -> None:
    async def attack(server: Server) -> None:
        await server.register("url=noop-1.0.mar")
        for api, method, path in (
            ("inference", "POST", "/predictions/noop"), ("inference", "POST", "/predictions/x"),
            ("inference", "GET", "/ping"), ("metrics", "GET", "/metrics"), ("management", "GET", "/models/noop"),
            ("management", "POST", "/models?url=/etc/passwd"), ("management", "POST", "/models?url=missing.mar"),
        ):  # fmt: skip
            body = (await server.ask(api, method, path)).body.decode()
            assert str(server.engine.home.model_store.parent) not in body
            assert "Traceback" not in body

    attacked(attack, metrics_mode="prometheus")
