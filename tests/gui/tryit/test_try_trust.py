from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from engine.settings import Settings
from engine.snapshots import Key
from engine.threads import Threads
from gui.tryit.answer import Answer, Failure
from gui.tryit.request import Draft, Source
from gui.tryit.sending import send
from gui.tryit.trust import fingerprint
from tests.support.certificates import make_certificate, make_keystore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gui.tryit.answer import Outcome

TOKEN = {"Authorization": "Bearer secret"}
DRAFT = Draft(Source.TEXT, text="{}")


class Seen:
    def __init__(self) -> None:
        self.url = ""
        self.tokens: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        return web.json_response({})


@asynccontextmanager
async def tls_server(folder: Path) -> AsyncIterator[Seen]:
    seen = Seen()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*make_certificate(folder))
    app = web.Application()
    app.router.add_post("/{path:.*}", seen.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    seen.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield seen
    finally:
        await runner.cleanup()


async def ask(seen: Seen, certificate: Path | None) -> Outcome:
    threads = Threads("test", 1)
    try:
        request = DRAFT.request(seen.url, Key("digits", "1.0"))
        return await send(request, TOKEN, threads, lambda _: None, settings=Settings(certificate_file=certificate))
    finally:
        threads.close()


def folder(root: Path, name: str) -> Path:
    made = root / name
    made.mkdir()
    return made


def test_the_servers_own_certificate_is_trusted(tmp_path: Path) -> None:
    async def body() -> None:
        own = folder(tmp_path, "own")
        async with tls_server(own) as seen:
            assert isinstance(await ask(seen, own / "certificate.pem"), Answer)
            assert seen.tokens == ["Bearer secret"]

    asyncio.run(body())


def test_a_server_with_another_certificate_never_sees_the_token(tmp_path: Path) -> None:
    async def body() -> None:
        other, _ = make_certificate(folder(tmp_path, "other"))
        own = folder(tmp_path, "own")
        async with tls_server(own) as seen:
            outcome = await ask(seen, other)
            assert isinstance(outcome, Failure)
            assert "another certificate" in outcome.text
            # Not even when the server's own is among those above another.
            other.write_bytes(other.read_bytes() + (own / "certificate.pem").read_bytes())
            assert isinstance(await ask(seen, other), Failure)
            assert seen.tokens == []

    asyncio.run(body())


def test_without_a_certificate_nothing_is_sent(tmp_path: Path) -> None:
    async def body() -> None:
        async with tls_server(folder(tmp_path, "own")) as seen:
            for certificate, told in (
                (None, "Neither certificate_file nor keystore is set"),
                (tmp_path / "gone.pem", "cannot be read"),
            ):
                outcome = await ask(seen, certificate)
                assert isinstance(outcome, Failure)
                assert told in outcome.text
            assert seen.tokens == []

    asyncio.run(body())


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----", encoding="utf-8")
    with pytest.raises(ValueError, match=r"key\.pem holds no certificate"):
        fingerprint(Settings(certificate_file=path))


def test_the_certificate_of_a_keystore_is_trusted(tmp_path: Path) -> None:
    keystore, certificate = make_keystore(tmp_path, "secret")
    expected = fingerprint(Settings(certificate_file=certificate)).fingerprint
    assert fingerprint(Settings(keystore=keystore, keystore_pass="secret")).fingerprint == expected
