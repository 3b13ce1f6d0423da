"""The server's certificate and key, from PEM files or from a keystore of Java's. Blocking: for a thread.

TorchServe's rule: a keystore comes before the PEM files.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

from engine.errors import SettingsError
from engine.settings import Settings

_FIRST_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_JKS_MAGIC = b"\xfe\xed\xfe\xed"


class KeyPair(NamedTuple):
    """A certificate with those that signed it, its own first, and its key without a password. Both PEM."""

    certificates: bytes
    key: bytes


def server_context(settings: Settings) -> ssl.SSLContext:
    """Return what answers TLS connections; raises SettingsError naming the file and the way out."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if settings.keystore:
        with _files(load_keystore(settings)) as (certificate, key, password):
            context.load_cert_chain(certificate, key, password=password)
        return context
    certificate_file, key_file = _pem_files(settings)
    try:
        context.load_cert_chain(certificate_file, key_file, password=_no_password)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{certificate_file} and {key_file} cannot be used for https: {error}") from None
    return context


def load_key_pair(settings: Settings) -> KeyPair:
    """Return certificate and key; raises SettingsError naming the file and the way out."""
    if settings.keystore:
        return load_keystore(settings)
    server_context(settings)  # tells in words what is wrong with the files
    certificate_file, key_file = _pem_files(settings)
    return KeyPair(certificate_file.read_bytes(), key_file.read_bytes())


def server_certificate(settings: Settings) -> bytes:
    """Return the server's own certificate as DER.

    Raises:
        SettingsError: there is none, or the keystore cannot be read.
        OSError: the file cannot be read.

    """
    if settings.keystore:
        text = load_keystore(settings).certificates.decode()
    elif settings.certificate_file is None:
        raise SettingsError("Neither certificate_file nor keystore is set.")
    else:
        text = settings.certificate_file.read_text(encoding="utf-8", errors="replace")
    found = _FIRST_CERTIFICATE.search(text)
    if found is None:
        raise SettingsError(f"{settings.certificate_file} holds no certificate.")
    return ssl.PEM_cert_to_DER_cert(found[0])


def load_keystore(settings: Settings) -> KeyPair:
    """Return the certificates and the key of the PKCS #12 file `keystore`; raises SettingsError."""
    path = cast("Path", settings.keystore)
    try:
        content = path.read_bytes()
        return _read_pkcs12(content, settings.keystore_pass)
    except (OSError, ValueError) as error:
        raise SettingsError(f"keystore = {path} ({settings.source('keystore')}): {error}") from None


def _read_pkcs12(content: bytes, password: str) -> KeyPair:
    """Return what the keystore holds; raises ValueError with the reason in words."""
    # Slow to import, and few need it.
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
        pkcs12,
    )

    if content.startswith(_JKS_MAGIC):
        raise ValueError(
            "it has the old form JKS. Convert it: keytool -importkeystore -deststoretype PKCS12 "
            "-srckeystore OLD -destkeystore NEW.p12"
        )
    key, certificate, others = pkcs12.load_key_and_certificates(content, password.encode())
    if key is None or certificate is None:
        raise ValueError("it holds no key with a certificate")
    chain = b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, *others))
    return KeyPair(chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@contextlib.contextmanager
def _files(pair: KeyPair) -> Iterator[tuple[Path, Path, str]]:
    """Give the pair as files, which OpenSSL wants, and the password of the key, which lies on no disk."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    password = secrets.token_urlsafe(32)
    key = load_pem_private_key(pair.key, None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    with tempfile.TemporaryDirectory(prefix="marina-tls-") as folder:
        paths = Path(folder, "certificates.pem"), Path(folder, "key.pem")
        paths[0].write_bytes(pair.certificates)
        paths[1].write_bytes(encrypted)
        yield (*paths, password)


def _pem_files(settings: Settings) -> tuple[Path, Path]:
    certificate, key = settings.certificate_file, settings.private_key_file
    if certificate is None or key is None:
        raise SettingsError(
            "An https address needs certificate_file and private_key_file, both PEM, or a keystore (PKCS #12)."
        )
    return certificate, key


def _no_password() -> str:
    # Without this OpenSSL would ask at the terminal.
    raise ValueError("the key needs a password; store it without one, readable by you alone")
