"""Which server a request may reach over https: the one that has the very certificate of the settings. For a thread."""

from __future__ import annotations

import hashlib

import aiohttp

from engine.certificates import server_certificate
from engine.errors import SettingsError
from engine.settings import Settings


def fingerprint(settings: Settings) -> aiohttp.Fingerprint:
    """Return what the server's certificate is compared with before anything is sent: its own one in the settings.

    No other is trusted, whoever signed it, so neither names nor dates matter.

    Raises:
        OSError: the file cannot be read.
        ValueError: there is no certificate; the text says why.

    """
    try:
        certificate = server_certificate(settings)
    except SettingsError as error:
        raise ValueError(str(error)) from error
    return aiohttp.Fingerprint(hashlib.sha256(certificate).digest())
