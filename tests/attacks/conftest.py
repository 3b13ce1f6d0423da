"""A running server to attack, and a client that sends bytes as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.archives import archive
from tests.support.servers import Server, make_home, make_settings, serving
from tests.support.workers import FakeLauncher

Attack = Callable[[Server], Awaitable[None]]
Attacked = Callable[..., None]
APIS = ("inference", "management", "metrics")


@pytest.fixture
def attacked(tmp_path: Path) -> Attacked:
    """Return what runs an attack on a server with noop-1.0.mar in its store and nothing registered."""

    def run(attack: Attack, **settings: Any) -> None:
        home = make_home(tmp_path)
        archive(home.model_store, "noop", "1.0")

        async def main() -> None:
            async with serving(home, make_settings(**settings), FakeLauncher()) as server:
                await attack(server)

        asyncio.run(main())

    return run


async def send(server: Server, api: str, head: str, body: bytes = b"") -> bytes:
    """Send bytes to a listener and return what comes back before it closes; `{host}` in `head` is its real address."""
    where = urlsplit(server.host.addresses[api])
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        text = head.replace("{host}", where.netloc).replace("{port}", str(where.port))
        writer.write(f"{text}\nConnection: close\n\n".replace("\n", "\r\n").encode("latin-1") + body)
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def status(answer: bytes) -> int:
    """Return the status of a raw answer, 0 when the connection was closed without one."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


async def nothing_changed(server: Server) -> bool:
    """Whether no model is registered and the store holds what it held."""
    return await server.names() == [] and [path.name for path in server.store.iterdir()] == ["noop-1.0.mar"]
