"""TLS for https addresses, from the certificate and the key that the settings name. Blocking: runs in a thread."""

from __future__ import annotations

import ssl

from engine.errors import SettingsError
from engine.settings import Settings


def server_context(settings: Settings) -> ssl.SSLContext:
    """Read certificate and key; raises SettingsError naming the file and what helps.

    TorchServe reads a Java keystore as well; here it is PEM alone.
    """
    certificate, key = settings.certificate_file, settings.private_key_file
    if certificate is None or key is None:
        raise SettingsError(
            "An https address needs certificate_file and private_key_file, both PEM. `openssl pkcs12` takes them "
            "out of a keystore."
        )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{certificate} and {key} cannot be used for https: {error}") from None
    return context


def _no_password() -> str:
    # Without this OpenSSL would ask at the terminal.
    raise ValueError("the key needs a password; store it without one, readable by you alone")
