"""Answers over https, with a certificate made for the test."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine.errors import SettingsError
from engine.settings import Address
from tests.support.certificates import make_certificate
from tests.support.servers import make_home, make_settings, serving

FREE = Address("https", "127.0.0.1", 0)


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


def start(tmp_path: Path, **files: Path) -> None:
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
