"""Answers over https, with a certificate made for the test."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from engine.errors import SettingsError
from engine.settings import Address
from tests.support.archives import archive
from tests.support.certificates import make_certificate, make_keystore
from tests.support.lanes import written
from tests.support.servers import make_home, make_settings, serving
from tests.support.workers import FakeLauncher

FREE = Address("https", "127.0.0.1", 0)
LARGE = bytes(range(256)) * 4096 * 8


def test_an_https_address_answers_over_tls_alone(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    settings = make_settings(management_address=FREE, certificate_file=certificate, private_key_file=key)

    async def body() -> None:
        async with serving(make_home(tmp_path), settings) as server:
            assert server.host.addresses["management"].startswith("https://")
            trusted = ssl.create_default_context(cafile=str(certificate))
            assert (await server.manage("GET", "/models", ssl=trusted)).status == 200
            where = urlsplit(server.host.addresses["management"])
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            writer.write(f"GET /models HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
            assert b"modelName" not in await reader.read()
            writer.close()
            strange = await server.manage("GET", "/models", ssl=trusted, headers={"Host": "evil.example"})
            assert strange.status == 403

    asyncio.run(body())


def test_large_bodies_and_answers_pass_tls_whole(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    settings = make_settings(
        inference_address=FREE, certificate_file=certificate, private_key_file=key, max_response_size=len(LARGE)
    )
    launcher = FakeLauncher(answer=(0, "", {}, LARGE))
    home = make_home(tmp_path)
    archive(home.model_store)

    async def body() -> None:
        async with serving(home, settings, launcher) as server:
            await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
            trusted = ssl.create_default_context(cafile=str(certificate))
            with written() as found:
                for _ in range(2):
                    answer = await server.predict("noop", data=LARGE[: 1024**2], ssl=trusted)
                    assert (answer.status, answer.body) == (200, LARGE)
            assert found == [True, True]

    asyncio.run(body())
    assert [job["inputs"][0][2] for job in launcher.workers[0].jobs] == [1024**2] * 2


@pytest.mark.parametrize("password", ["changeit", "another one"])
def test_a_keystore_stands_in_for_the_pem_files(tmp_path: Path, password: str) -> None:
    keystore, certificate = make_keystore(tmp_path, password)
    before = sorted(Path(tempfile.gettempdir()).glob("marina-tls-*"))
    settings = make_settings(management_address=FREE, keystore=keystore, keystore_pass=password)

    async def body() -> None:
        async with serving(make_home(tmp_path), settings) as server:
            trusted = ssl.create_default_context(cafile=str(certificate))
            assert (await server.manage("GET", "/models", ssl=trusted)).status == 200

    asyncio.run(body())
    assert sorted(Path(tempfile.gettempdir()).glob("marina-tls-*")) == before, "no file with the key is left"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "keystore.p12 .*Invalid password"),
        (b"", "keystore.p12 .*"),
        (b"\xfe\xed\xfe\xed\x00\x00\x00\x02", "keytool -importkeystore"),
    ],
)
def test_a_keystore_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    keystore, _ = make_keystore(tmp_path, "one")
    if content is not None:
        keystore.write_bytes(content)
    with pytest.raises(SettingsError, match=reason):
        start(tmp_path, keystore=keystore, keystore_pass="another")


def start(tmp_path: Path, **files: Any) -> None:
    async def body() -> None:
        async with serving(make_home(tmp_path), make_settings(management_address=FREE, **files)):
            pass

    asyncio.run(body())


def test_without_a_certificate_an_https_address_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="certificate_file and private_key_file"):
        start(tmp_path)


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    with pytest.raises(SettingsError, match=r"key\.pem and .*certificate\.pem cannot be used"):
        start(tmp_path, certificate_file=key, private_key_file=certificate)
    certificate, key = make_certificate(tmp_path, b"secret")
    with pytest.raises(SettingsError, match="needs a password"):
        start(tmp_path, certificate_file=certificate, private_key_file=key)


def test_a_handshake_that_is_never_finished_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.api.listener.HANDSHAKE", 0.5)
    certificate, key = make_certificate(tmp_path)
    settings = make_settings(management_address=FREE, certificate_file=certificate, private_key_file=key)

    async def body() -> None:
        async with serving(make_home(tmp_path), settings) as server:
            where = urlsplit(server.host.addresses["management"])
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            async with asyncio.timeout(10):
                assert await reader.read() == b""
            writer.close()

    asyncio.run(body())
