"""Large bodies and large answers in the express lane: taken in pieces, sent in pieces, and whole at either end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from engine.api.bodies import SMALL_PIECE, add_piece
from engine.api.connection import Connection
from engine.api.express import without_body
from engine.api.inference import LARGE as LIMIT
from engine.runtime.frames import Kind
from engine.workers.channel import Channel
from tests.engine.api.conftest import Drive
from tests.support.lanes import Client, closed_lane, connect, written
from tests.support.servers import Server
from tests.support.workers import FakeLauncher

POST = "POST /predictions/noop HTTP/1.1"
LARGE = bytes(range(256)) * 4096 * 3
# More than the system takes for a client that does not read.
TOO_LARGE_TO_BUFFER = bytes(range(256)) * 4096 * 16


@contextmanager
def bodies() -> Iterator[list[bytes]]:
    """Note what goes to the worker, batch by batch."""
    found: list[bytes] = []
    real = Channel.send

    def note(channel: Channel, jobs: list[dict[str, Any]], pieces: Sequence[bytes], listener: Any) -> None:
        found.append(b"".join(pieces))
        real(channel, jobs, pieces, listener)

    with patch.object(Channel, "send", note):
        yield found


@pytest.fixture
def made() -> Iterator[list[Connection]]:
    """Note the connections; the last one is the client's."""
    found: list[Connection] = []
    real: Callable[..., None] = Connection.connection_made

    def note(connection: Connection, transport: asyncio.BaseTransport) -> None:
        found.append(connection)
        real(connection, transport)

    with patch.object(Connection, "connection_made", note):
        yield found


async def is_cut_off(client: Client) -> bool:
    """Whether the connection ends before an answer is whole."""
    try:
        await client.answer()
    except (asyncio.IncompleteReadError, ConnectionError):
        return True
    return False


async def moment() -> None:
    """Let the server take what has come."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_small_pieces_are_joined_and_large_ones_are_not() -> None:
    pieces: list[bytes] = []
    for _ in range(2 * SMALL_PIECE):
        add_piece(pieces, b"x")
    large = bytes(SMALL_PIECE)
    add_piece(pieces, large)
    add_piece(pieces, b"y")
    add_piece(pieces, large)
    assert [len(piece) for piece in pieces] == [SMALL_PIECE] * 3 + [SMALL_PIECE + 1]
    assert pieces[2] is large


@pytest.mark.parametrize("name", [b"Content-Length", b"content-length"])
def test_a_head_without_its_body_says_so_and_nothing_else_changes(name: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nX-Content-Length: 5\r\n%b: 1234567\r\nA: Content-Length: 7" % name
    assert without_body(head) == b"POST / HTTP/1.1\r\nX-Content-Length: 5\r\nContent-Length: 0\r\nA: Content-Length: 7"
    assert without_body(b"POST / HTTP/1.1\r\nA: b") == b"POST / HTTP/1.1\r\nA: b"


def test_a_large_body_reaches_the_worker_as_it_is(drive: Drive) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.send(POST, f"Content-Length: {len(LARGE)}")
        for start in range(0, len(LARGE) - 70_000, 70_000):
            client.write(LARGE[start : start + 70_000])
            await moment()
        client.write(LARGE[start + 70_000 :])
        client.send(POST, body=b"the next one")
        assert [(await client.answer())[1] for _ in range(2)] == [b"OK", b"OK"]

    with written() as found, bodies() as sent:
        drive(scenario)
    assert sent == [LARGE, b"the next one"]
    assert found == [True, True]


def test_a_large_body_is_the_same_by_the_other_lane(drive: Drive) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.send(POST, body=LARGE)
        assert (await client.answer())[1] == b"OK"

    with closed_lane(), bodies() as sent:
        drive(scenario)
    assert sent == [LARGE]


def test_a_head_in_pieces_is_the_other_lanes_with_its_body(drive: Drive) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.write(POST[:10].encode())
        await moment()
        client.send(POST[10:], body=LARGE)
        assert (await client.answer())[1] == b"OK"

    with written() as found, bodies() as sent:
        drive(scenario)
    assert sent == [LARGE]
    assert found == []


def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not(drive: Drive) -> None:
    async def scenario(server: Server, client: Client) -> None:
        client.send(POST, body=LARGE)
        assert (await client.answer())[1] == b"OK"
        other = await connect(server)
        other.send(POST, body=LARGE + b"x")
        assert (await other.answer())[0].startswith(b"HTTP/1.1 413 ")
        await other.close()

    with written() as found:
        drive(scenario, max_request_size=len(LARGE))
    assert found == [True]


def test_memory_is_held_while_a_body_comes_and_no_longer(drive: Drive) -> None:
    async def scenario(server: Server, client: Client) -> None:
        for _ in range(3):
            client.send(POST, body=LARGE)
            assert (await client.answer())[1] == b"OK"
        client.send(POST, f"Content-Length: {len(LARGE)}")
        await moment()
        late = await connect(server)
        late.send(POST, body=LARGE)
        assert b"max_request_memory" in (await late.answer())[1]
        await late.close()
        client.write(LARGE)
        assert (await client.answer())[1] == b"OK"
        late = await connect(server)
        late.send(POST, body=LARGE)
        assert (await late.answer())[1] == b"OK"
        await late.close()

    drive(scenario, max_request_memory=len(LARGE) + 1)


def test_a_client_that_goes_away_in_the_middle_of_a_body_leaves_nothing(drive: Drive) -> None:
    async def scenario(server: Server, client: Client) -> None:
        leaving = await connect(server)
        leaving.send(POST, f"Content-Length: {len(LARGE)}")
        leaving.write(LARGE[:1000])
        await moment()
        await leaving.close()
        await moment()
        client.send(POST, body=LARGE)
        assert (await client.answer())[1] == b"OK"

    assert len(drive(scenario, max_request_memory=len(LARGE)).workers[0].jobs) == 1


def test_a_client_that_stands_still_in_the_middle_of_a_body_is_let_go(drive: Drive) -> None:
    async def scenario(server: Server, client: Client) -> None:
        client.send(POST, body=b"{}")
        assert (await client.answer())[1] == b"OK"
        for sent in (0, 1000):
            stalling = await connect(server)
            stalling.send(POST, body=b"{}")
            assert (await stalling.answer())[1] == b"OK"
            stalling.send(POST, f"Content-Length: {len(LARGE)}")
            stalling.write(LARGE[:sent])
            assert await is_cut_off(stalling)
            await stalling.close()
        client.send(POST, body=b"{}")
        assert (await client.answer())[1] == b"OK"

    drive(scenario, stalled_connection_timeout=1)


def test_a_client_that_is_slow_but_moves_is_served(drive: Drive) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.send(POST, "Content-Length: 8")
        for _ in range(8):
            client.write(b"x")
            await asyncio.sleep(0.2)  # what the test is about: longer in all than a client may stand still
        assert (await client.answer())[1] == b"OK"

    with written() as found:
        drive(scenario, stalled_connection_timeout=1)
    assert found == [True]


@pytest.mark.parametrize("sent", [0, 1000])
def test_nothing_is_begun_on_a_connection_that_closes(drive: Drive, made: list[Connection], sent: int) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        if sent:
            client.send(POST, f"Content-Length: {len(LARGE)}")
            client.write(LARGE[:sent])
        await moment()
        connection = made[-1]
        connection.close()
        connection.data_received(LARGE if sent else f"{POST}\r\nHost: {client._host}\r\n\r\n".encode())
        assert connection.is_waiting == (not sent)
        await moment()

    assert drive(scenario).workers[0].jobs == []


def test_a_stop_does_not_wait_for_the_rest_of_a_body(drive: Drive) -> None:
    async def scenario(server: Server, client: Client) -> None:
        client.send(POST, f"Content-Length: {len(LARGE)}")
        client.write(LARGE[:1000])
        await moment()
        await server.host.stop()
        assert await is_cut_off(client)

    assert drive(scenario).workers[0].jobs == []


def test_an_error_after_a_large_body_is_the_same_by_either_lane(drive: Drive) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        client.send("POST /predictions/nobody HTTP/1.1", body=LARGE)
        head, body = await client.answer()
        answers.append((head.split(b"\r\n")[0], len(head), body))
        assert await client.is_closed()

    answers: list[tuple[bytes, int, bytes]] = []
    drive(scenario)
    with closed_lane():
        drive(scenario)
    assert answers[0] == answers[1]
    assert answers[0][0].startswith(b"HTTP/1.1 404 ")


def test_what_follows_a_large_body_with_a_streamed_answer_is_answered_too(drive: Drive) -> None:
    launcher = FakeLauncher(holding=True)

    async def scenario(_server: Server, client: Client) -> None:
        client.send(POST, body=LARGE)
        client.send("GET /ping HTTP/1.1")
        await launcher.received.wait()
        [worker] = launcher.workers
        worker._send(Kind.PARTIAL, {"batch": 1, "results": [[5, 0, "", {}]]}, b"first")
        worker.reply(1)
        head, _ = await client.answer()
        assert b"chunked" in head
        assert await client.until(b"0\r\n\r\n") == b"5\r\nfirst\r\n2\r\nOK\r\n0\r\n\r\n"
        assert b"Healthy" in (await client.answer())[1]

    drive(scenario, launcher)


def test_a_large_answer_is_whole_however_slowly_it_is_read(drive: Drive, made: list[Connection]) -> None:
    async def scenario(_server: Server, client: Client) -> None:
        for _ in range(2):
            client.send(POST, body=b"{}")
        await moment()
        assert len(made[-1]._unsent) > LIMIT
        for _ in range(2):
            assert (await client.answer())[1] == TOO_LARGE_TO_BUFFER
        await moment()
        assert made[-1]._unsent.obj == b""

    launcher = FakeLauncher(answer=(0, "", {}, TOO_LARGE_TO_BUFFER))
    with written() as found:
        drive(scenario, launcher, max_response_size=len(TOO_LARGE_TO_BUFFER))
    assert found[0]


def test_a_client_that_does_not_read_a_large_answer_is_let_go(drive: Drive, made: list[Connection]) -> None:
    launcher = FakeLauncher(answer=(0, "", {}, TOO_LARGE_TO_BUFFER))

    async def scenario(server: Server, client: Client) -> None:
        client.send(POST, body=b"{}")
        await launcher.received.wait()
        await moment()
        connection = made[-1]
        transport = connection.transport
        assert transport is not None
        assert transport.get_write_buffer_size() <= LIMIT
        assert connection.progress(transport) == (0, 0, transport.get_write_buffer_size() + len(connection._unsent))
        await until_refused(server, "stalled")
        assert await is_cut_off(client)

    drive(scenario, launcher, max_response_size=len(TOO_LARGE_TO_BUFFER), stalled_connection_timeout=1)


async def until_refused(server: Server, reason: str) -> None:
    """Wait until a connection was closed for this reason."""
    async with asyncio.timeout(10):
        while not any(kind.value == reason for kind in server.engine.metrics.refusals):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_stop_in_the_middle_of_a_large_answer_sends_it_whole(drive: Drive) -> None:
    launcher = FakeLauncher(answer=(0, "", {}, TOO_LARGE_TO_BUFFER))

    async def scenario(server: Server, client: Client) -> None:
        client.send(POST, body=b"{}")
        await launcher.received.wait()
        await moment()
        await server.host.stop()
        assert (await client.answer())[1] == TOO_LARGE_TO_BUFFER
        assert await client.is_closed()

    drive(scenario, launcher, max_response_size=len(TOO_LARGE_TO_BUFFER))


def test_answers_that_are_not_read_hold_no_more_than_they_may(drive: Drive) -> None:
    async def scenario(server: Server, client: Client) -> None:
        held = server.engine.memory.answers
        client.send(POST, body=b"{}")
        async with asyncio.timeout(10):
            while held.bytes < len(TOO_LARGE_TO_BUFFER):  # noqa: ASYNC110
                await asyncio.sleep(0)
        late = await connect(server)
        late.send(POST, body=b"{}")
        head, _ = await late.answer()
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"max_response_memory" in head
        await late.close()
        assert (await client.answer())[1] == TOO_LARGE_TO_BUFFER
        async with asyncio.timeout(10):
            while held.bytes:  # noqa: ASYNC110
                await asyncio.sleep(0)
        client.send(POST, body=b"{}")
        assert (await client.answer())[1] == TOO_LARGE_TO_BUFFER

    launcher = FakeLauncher(answer=(0, "", {}, TOO_LARGE_TO_BUFFER))
    limit = len(TOO_LARGE_TO_BUFFER)
    drive(scenario, launcher, max_response_size=limit, max_response_memory=limit + 100_000)
