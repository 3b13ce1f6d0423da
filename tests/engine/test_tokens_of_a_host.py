"""The window's view of a Host's tokens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.errors import UnavailableError
from engine.host import Host
from engine.tokens import TokenKind
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
