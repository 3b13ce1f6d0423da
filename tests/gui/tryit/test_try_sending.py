from __future__ import annotations

import asyncio
import contextlib
import tempfile
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engine.snapshots import Key
from engine.tasks import TaskGroup
from engine.threads import Threads
from gui.tryit.answer import Answer, Failure
from gui.tryit.request import Draft, Part, Source
from gui.tryit.sending import send
from tests.support.model_server import model_server
from tests.support.ports import closed_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from gui.tryit.answer import Outcome
    from tests.support.model_server import ModelServer

    Ask = Callable[..., Awaitable[Outcome]]
    Scenario = Callable[[ModelServer, Ask], Awaitable[None]]

KEY = Key("digits", "1.0")
TOKEN = {"Authorization": "Bearer secret"}


def unheard(_: bytes) -> None:
    """Nobody listens to the pieces."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert not list(tmp_path.glob("marina-answer-*")), "a temporary file was left"


def play(scenario: Scenario) -> None:
    async def body() -> None:
        threads = Threads("test", 1)

        async def ask(
            draft: Draft,
            kind: str = "json",
            authorization: Mapping[str, str] = TOKEN,
            pieces: Callable[[bytes], None] = unheard,
            most: int = 2**20,
        ) -> Outcome:
            return await send(draft.request(server.url, Key("digits", kind)), authorization, threads, pieces, most)

        async with model_server() as server:
            await scenario(server, ask)
        threads.close()

    asyncio.run(body())


def text(body: str = "{}", **changed: str) -> Draft:
    return Draft(Source.TEXT, text=body, **changed)  # type: ignore[arg-type]


def test_text_is_sent_with_its_type_and_the_servers_token() -> None:
    async def scenario(server: ModelServer, ask: Ask) -> None:
        answer = await ask(text('{"a": "é"}', headers="X-Request: 7"))
        assert isinstance(answer, Answer)
        assert answer.body == b'{"path": "/predictions/digits/json"}'
        headers, body = server.requests[0]
        assert body == '{"a": "é"}'.encode()
        assert headers["content-type"] == "application/json"
        assert (headers["authorization"], headers["x-request"]) == ("Bearer secret", "7")

    play(scenario)


def test_a_typed_authorization_goes_instead_of_the_servers() -> None:
    async def scenario(server: ModelServer, ask: Ask) -> None:
        await ask(text(headers="authorization: Bearer mine"))
        assert server.requests[0][0]["authorization"] == "Bearer mine"

    play(scenario)


def test_a_file_arrives_whole_with_its_length_and_is_never_in_memory(tmp_path: Path) -> None:
    size = 24 * 2**20
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(size)

    async def body() -> None:
        reader, seen = await _counting()
        base = f"http://127.0.0.1:{reader.sockets[0].getsockname()[1]}"
        threads = Threads("file", 1)
        tracemalloc.start()
        outcome = await send(Draft(Source.FILE, path).request(base, KEY), {}, threads, unheard)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        threads.close()
        reader.close()
        await reader.wait_closed()
        assert isinstance(outcome, Answer)
        assert seen == [size]
        assert peak < size / 4

    asyncio.run(body())


async def _counting() -> tuple[asyncio.Server, list[int]]:
    """A server that counts the bytes of one body and keeps none."""
    seen: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        left = total = int(head.partition("content-length:")[2].split()[0])
        while left:
            left -= len(await reader.read(2**16))
        seen.append(total)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0), seen


def test_parts_arrive_by_name_with_their_files(tmp_path: Path) -> None:
    path = tmp_path / "seven.png"
    path.write_bytes(b"\x89PNG" * 100_000)
    parts = (Part("note", "hé;llo"), Part("data", path=path, is_file=True))

    async def scenario(server: ModelServer, ask: Ask) -> None:
        assert isinstance(await ask(Draft(Source.PARTS, parts=parts)), Answer)
        assert server.requests[0][1] == [("note", None, "hé;llo".encode()), ("data", "seven.png", path.read_bytes())]

    play(scenario)


def test_a_large_answer_goes_to_a_file_and_its_beginning_stays() -> None:
    async def scenario(_: ModelServer, ask: Ask) -> None:
        answer = await ask(text(), "large", most=1000)
        assert isinstance(answer, Answer)
        assert answer.file is not None
        assert (len(answer.body), answer.size) == (1000, 500_000)
        assert answer.file.read_bytes() == b"line\n" * 100_000
        answer.file.unlink()

    play(scenario)


def test_a_stream_is_heard_piece_by_piece() -> None:
    async def scenario(server: ModelServer, ask: Ask) -> None:
        pieces: list[bytes] = []

        def heard(piece: bytes) -> None:
            pieces.append(piece)
            server.gate.set()

        answer = await ask(text(), "stream", pieces=heard)
        assert isinstance(answer, Answer)
        assert (pieces, answer.body) == ([b"first ", b"second"], b"first second")

    play(scenario)


def test_an_error_is_an_answer_with_its_reason() -> None:
    async def scenario(_: ModelServer, ask: Ask) -> None:
        answer = await ask(text(), "error")
        assert isinstance(answer, Answer)
        assert answer.is_error
        assert answer.header("X-Marina-Reason")

    play(scenario)


def test_nobody_there_is_told_in_words() -> None:
    async def scenario(server: ModelServer, ask: Ask) -> None:
        with closed_port() as server.url:
            failure = await ask(text())
        assert isinstance(failure, Failure)
        assert "Nothing answers at" in failure.text

    play(scenario)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbut"])
def test_a_server_that_hangs_up_is_told_in_words(said: bytes) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async def scenario(server: ModelServer, ask: Ask) -> None:
        rude = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{rude.sockets[0].getsockname()[1]}"
        failure = await ask(text())
        rude.close()
        await rude.wait_closed()
        assert isinstance(failure, Failure)
        assert ("broke off" if said else "closed the connection") in failure.text

    play(scenario)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    async def scenario(server: ModelServer, ask: Ask) -> None:
        gone = await ask(Draft(Source.FILE, tmp_path / "gone.png"))
        folder = await ask(Draft(Source.FILE, tmp_path))
        assert isinstance(gone, Failure)
        assert "gone.png cannot be read" in gone.text
        assert isinstance(folder, Failure)
        assert "is a folder" in folder.text
        assert not server.requests

    play(scenario)


def test_cancelling_ends_the_request_and_leaves_nothing() -> None:
    async def scenario(server: ModelServer, ask: Ask) -> None:
        tasks = TaskGroup()
        asking = tasks.start(_as_coroutine(ask(text(), "slow")), "ask")
        await server.waiting.wait()
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        assert asking.cancelled()

    play(scenario)


async def _as_coroutine(outcome: Awaitable[Outcome]) -> Outcome:
    return await outcome
