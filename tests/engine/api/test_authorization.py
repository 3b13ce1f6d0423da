"""Tokens over real HTTP: who may call, and how a token is renewed."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import timedelta
from pathlib import Path

import pytest
from yarl import URL

from engine.api.authorization import DELAY, FREE_MISSES, WITHIN, Misses
from engine.tokens import TokenKind, Tokens
from tests.support.servers import Answer, Server, make_home, make_settings, serving

REFUSED = "Token Authorization failed. Token either incorrect, expired, or not provided correctly"
WITH_TOKENS = make_settings(sources={"disable_token_authorization": "config.properties line 1"})
NOT_RENEWED = "Token Authentication failed. Token either incorrect, expired, or not provided correctly"


def keys(server: Server) -> dict[str, str]:
    written = json.loads((server.engine.home.runtime / "key_file.json").read_text(encoding="utf-8"))
    return {kind: entry["key"] for kind, entry in written.items()}


async def ask(server: Server, api: str, path: str, key: str | None, method: str = "GET") -> Answer:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return await server.ask(api, method, path, headers=headers)


def test_each_listener_wants_its_own_token(tmp_path: Path) -> None:
    async def body() -> None:
        async with serving(make_home(tmp_path), WITH_TOKENS) as server:
            known = keys(server)
            for key in (None, known["inference"], known["API"], "nonsense"):
                answer = await ask(server, "management", "/models", key)
                assert answer.error == (401, "InvalidKeyException", REFUSED)
            assert (await ask(server, "management", "/models", known["management"])).status == 200
            assert (await ask(server, "inference", "/models/noop", None)).error[2] == REFUSED
            assert (await ask(server, "inference", "/nowhere", known["management"])).error[2] == REFUSED
            assert (await ask(server, "inference", "/ping", known["inference"])).status == 200

    asyncio.run(body())


def test_a_renewed_token_is_in_the_file_alone(tmp_path: Path) -> None:
    async def body() -> None:
        async with serving(make_home(tmp_path), WITH_TOKENS) as server:
            before = keys(server)
            answer = await ask(server, "management", "/token?type=management", before["API"])
            assert (answer.status, answer.body) == (200, b"\n")
            after = keys(server)
            assert after["management"] != before["management"]
            assert after["inference"] == before["inference"]
            assert (await ask(server, "management", "/models", before["management"])).status == 401
            assert (await ask(server, "management", "/models", after["management"])).status == 200

    asyncio.run(body())


def test_renewing_wants_the_renewing_key_and_a_kind(tmp_path: Path) -> None:
    async def body() -> None:
        async with serving(make_home(tmp_path), WITH_TOKENS) as server:
            known = keys(server)
            for path, key in (
                ("/token?type=management", known["management"]),
                ("/token?type=API", known["API"]),
                ("/token", known["API"]),
                ("/token?type=inference", None),
            ):
                answer = await ask(server, "management", path, key)
                assert answer.error == (401, "InvalidKeyException", NOT_RENEWED)
            assert keys(server) == known

    asyncio.run(body())


def test_without_tokens_there_is_no_key_file_and_it_goes_at_the_end(tmp_path: Path) -> None:
    home = make_home(tmp_path)

    async def body() -> None:
        async with serving(home, make_settings()) as server:
            assert (await ask(server, "management", "/models", None)).status == 200
            assert not (home.runtime / "key_file.json").exists()
        async with serving(home, WITH_TOKENS):
            assert (home.runtime / "key_file.json").exists()

    asyncio.run(body())
    assert not (home.runtime / "key_file.json").exists()


def test_torchserves_dialect_answers_as_torchserve(tmp_path: Path) -> None:
    async def body() -> None:
        sources = {"disable_token_authorization": "config.properties line 1"}
        settings = make_settings(sources=sources, api_dialect="torchserve-0.12")
        async with serving(make_home(tmp_path), settings) as server:
            assert (await ask(server, "management", "/models", "nonsense")).error[0] == 400

    asyncio.run(body())


def test_many_wrong_tokens_are_answered_late_for_a_while() -> None:
    misses = Misses()
    assert [misses.count(float(second)) for second in range(FREE_MISSES)] == [0] * FREE_MISSES
    assert misses.count(FREE_MISSES) == DELAY
    assert misses.count(WITHIN) == DELAY
    assert misses.count(10 * WITHIN) == 0


def test_questions_about_health_need_no_token_and_log_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        settings = dataclasses.replace(WITH_TOKENS, ts_open_inference_protocol=True)
        async with serving(make_home(tmp_path), settings) as server:
            for path in ("/ping", "/v2/health/live", "/v2/health/ready"):
                for key in (None, "nonsense"):
                    assert (await ask(server, "inference", path, key)).status == 200
            assert (await ask(server, "management", "/ping", None)).status == 401
            assert (await ask(server, "inference", "/ping/x", None)).status == 401
            assert (await ask(server, "inference", "/v2", None)).status == 401

    asyncio.run(body())
    assert caplog.text.count("no valid token") == 3


def test_ping_needs_a_token_when_it_is_not_left_open(tmp_path: Path) -> None:
    async def body() -> None:
        async with serving(make_home(tmp_path), dataclasses.replace(WITH_TOKENS, open_ping=False)) as server:
            assert (await ask(server, "inference", "/ping", None)).error[2] == REFUSED
            assert (await ask(server, "inference", "/ping", keys(server)["inference"])).status == 200

    asyncio.run(body())


def test_a_token_of_any_bytes_is_refused_and_slowed_like_others(tmp_path: Path) -> None:
    async def wrong(server: Server, token: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(server.host.addresses["management"]).port)
        head = b"GET /models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer "
        writer.write(head + token + b"\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async def body() -> None:
        async with serving(make_home(tmp_path), WITH_TOKENS) as server:
            for token in ("schlüssel".encode(), b"\xff\xfe", "schlüssel".encode("latin-1"), "\U0001f600".encode()):
                answer = await wrong(server, token)
                assert answer.startswith(b"HTTP/1.1 401 "), answer
                assert REFUSED.encode() in answer

    asyncio.run(body())


def test_no_text_breaks_the_comparison() -> None:
    tokens = Tokens(timedelta(hours=1))
    for authorization in ("Bearer \udcff", "Bearer \ud800", "Bearer ü", "Bearer 😀"):
        assert not tokens.allows(TokenKind.MANAGEMENT, authorization)
        assert not tokens.may_renew(authorization)
