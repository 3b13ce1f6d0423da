"""The document's "Encrypted model serving": its three variables, its URL, its call, its answer.

The document's host is stood in for by a site on loopback, over TLS, which checks the signature as S3 does.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector
from aiohttp.abc import ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from engine.archives import connecting
from engine.archives.packing import pack
from tests.support.archives import NOOP
from tests.support.s3 import keys, set_aws, signed_site
from tests.support.servers import Answer, make_home, make_settings, serving
from tests.support.workers import FakeLauncher

pytestmark = pytest.mark.usefixtures("workers_without_torch")

HOST = "torchserve.pytorch.org"
CALL = f"url=https://{HOST}/sse-test/squeezenet1_1.mar&s3_sse_kms=true"
ANSWER = (
    'Model "squeezenet_v1.1" Version: 1.0 registered with 0 initial workers. '
    "Use scale workers API to add workers for the model."
)
PUBLIC = "93.184.216.34"


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server that is HOST, and of clients that believe it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    alternatives = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    certificate = builder.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    pem, secret = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret.write_bytes(key.private_bytes(*plain))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem, secret)
    return server, ssl.create_default_context(cafile=str(pem))


class ToTheSite(connecting.Checked):
    """Answers with a port on loopback, whatever host and port are asked for."""

    def __init__(self, port: int) -> None:
        super().__init__(["127.0.0.1"])
        self._port = port

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return await super().resolve(host, self._port, family)


def stand_in(monkeypatch: pytest.MonkeyPatch, port: int, trusting: ssl.SSLContext) -> None:
    """Let connections to PUBLIC, where HOST is said to be, reach the port on loopback instead."""

    async def look_up(host: str, _port: int) -> list[str]:
        assert host == HOST
        return [PUBLIC]

    def session(route: connecting.Route) -> ClientSession:
        assert route.addresses == [PUBLIC]
        return ClientSession(connector=TCPConnector(resolver=ToTheSite(port), ssl=trusting, force_close=True))

    monkeypatch.setattr(connecting, "look_up", look_up)
    monkeypatch.setattr(connecting, "open_session", session)


def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Answer, list[str], list[str]]:
    """Make the document's call; returns the answer, the models, and the files of the store."""
    home = make_home(tmp_path)
    files = {"service.py": NOOP.encode()}
    packed = pack(tmp_path / "x.mar", model_name="squeezenet_v1.1", version="1.0", handler="service.py", files=files)
    serve, trust = certified(tmp_path)

    async def main() -> tuple[Answer, list[str], list[str]]:
        async with signed_site(serve) as site:
            site.files["/sse-test/squeezenet1_1.mar"] = packed.read_bytes()
            stand_in(monkeypatch, site.port, trust)
            async with serving(home, make_settings(), FakeLauncher()) as server:
                answer = await server.register(CALL)
                return answer, await server.names(), sorted(path.name for path in server.store.iterdir())

    return asyncio.run(main())


def test_an_encrypted_model_is_registered_as_the_document_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_aws(monkeypatch, tmp_path, **keys())
    answer, models, stored = register(tmp_path, monkeypatch)

    assert answer.status == 200
    assert answer.json == {"status": ANSWER}
    assert models == ["squeezenet_v1.1"]
    assert stored == ["squeezenet1_1.mar"]


def test_without_the_documents_variables_nothing_is_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_aws(monkeypatch, tmp_path)
    answer, models, stored = register(tmp_path, monkeypatch)

    code, kind, message = answer.error
    assert (code, kind) == (400, "DownloadArchiveException")
    assert message.startswith(f"Failed to download archive from: https://{HOST}/sse-test/squeezenet1_1.mar. ")
    assert "AWS_ACCESS_KEY_ID" in message
    assert (models, stored) == ([], [])
