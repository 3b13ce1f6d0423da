"""Tokens over real HTTP: who may call, and how a token is renewed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from engine.api.authorization import DELAY, FREE_MISSES, WITHIN, Misses
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
            assert (await ask(server, "inference", "/ping", None)).error[2] == REFUSED
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
