"""The window's view of a Host's tokens."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import stat
from pathlib import Path

import pytest

from engine.errors import UnavailableError
from engine.home import Home
from engine.host import Host
from engine.settings import Settings
from engine.tokens import TokenInfo, TokenKind, read_kept
from tests.support.servers import make_home, make_settings, serving

ASKED_FOR = make_settings(sources={"disable_token_authorization": "a test"})


def test_a_renewed_token_opens_and_the_old_one_does_not(tmp_path: Path) -> None:
    async def body() -> None:
        async with serving(make_home(tmp_path), ASKED_FOR) as server:
            host = server.host
            before = host.authorization("management")
            assert (await server.manage("GET", "/models", headers=before)).status == 200
            await host.renew(TokenKind.MANAGEMENT)
            after = host.authorization("management")
            assert (await server.manage("GET", "/models", headers=before)).status == 401
            assert (await server.manage("GET", "/models", headers=after)).status == 200
            assert host.key_file is not None
            written = host.key_file.read_text(encoding="utf-8")
            assert all(token.key in written for token in host.tokens())
            assert [token.kind for token in host.tokens()] == [TokenKind.MANAGEMENT, TokenKind.INFERENCE, None]

    asyncio.run(body())


def test_where_callers_need_none_there_is_none(tmp_path: Path) -> None:
    async def body() -> None:
        async with serving(make_home(tmp_path), make_settings()) as server:
            assert server.host.tokens() == ()
            assert server.host.key_file is None
            with pytest.raises(UnavailableError, match="No tokens"):
                await server.host.renew(TokenKind.INFERENCE)

    asyncio.run(body())


def test_a_stopped_host_renews_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        host = Host(ASKED_FOR, make_home(tmp_path))
        await host.start()
        await host.stop()
        with pytest.raises(UnavailableError):
            await host.renew(TokenKind.INFERENCE)

    asyncio.run(body())


KEPT = dataclasses.replace(ASKED_FOR, token_persistence=True)


async def shown(home: Home, settings: Settings) -> dict[str | None, TokenInfo]:
    async with serving(home, settings) as server:
        return {info.kind: info for info in server.host.tokens()}


def test_lasting_tokens_are_the_same_after_a_restart_and_never_end(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    first = asyncio.run(shown(home, KEPT))
    kept_at = home.config / "tokens.json"
    assert stat.S_IMODE(kept_at.stat().st_mode) == 0o600
    assert not (home.runtime / "key_file.json").exists()
    assert asyncio.run(shown(home, KEPT)) == first
    assert [info.expires for info in first.values()] == [None, None, None]


def test_other_tokens_are_new_at_each_start(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    first, second = (asyncio.run(shown(home, ASKED_FOR)) for _ in range(2))
    assert not {info.key for info in first.values()} & {info.key for info in second.values()}
    assert not (home.config / "tokens.json").exists()


def test_a_lasting_token_that_is_renewed_stays_renewed(tmp_path: Path) -> None:
    home = make_home(tmp_path)

    async def renew() -> dict[str | None, TokenInfo]:
        async with serving(home, KEPT) as server:
            await server.host.renew(TokenKind.INFERENCE)
            return {info.kind: info for info in server.host.tokens()}

    before = asyncio.run(shown(home, KEPT))
    renewed = asyncio.run(renew())
    assert renewed[TokenKind.INFERENCE].key != before[TokenKind.INFERENCE].key
    assert asyncio.run(shown(home, KEPT)) == renewed


def test_lasting_tokens_end_when_a_time_is_set(tmp_path: Path) -> None:
    sources = {**KEPT.sources, "token_expiration_min": "a test"}
    tokens = asyncio.run(shown(make_home(tmp_path), dataclasses.replace(KEPT, sources=sources)))
    assert tokens[TokenKind.MANAGEMENT].expires is not None


def test_kept_tokens_that_others_could_have_written_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps(dict.fromkeys(("management", "inference", "API"), "k" * 43)))
    path.chmod(0o600)
    assert read_kept(path)["API"] == "k" * 43
    path.chmod(0o644)
    assert read_kept(path) == {}
    path.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read_kept(link) == {}
    for text in ("", "[1]", "{}", '{"management": "short"}', "[" * 100_000, '{"API": 1}'):
        path.write_text(text)
        assert read_kept(path) == {}
    assert read_kept(tmp_path / "missing") == {}
    assert read_kept(tmp_path) == {}
