"""Which server a request may reach over https: the one that has the very certificate of the settings. For a thread."""

from __future__ import annotations

import hashlib
import re
import ssl
from typing import TYPE_CHECKING

import aiohttp

from gui.words import tr

if TYPE_CHECKING:
    from pathlib import Path

FIRST = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def fingerprint(certificate: Path | None) -> aiohttp.Fingerprint:
    """Return what the server's certificate is compared with before anything is sent: the file's first one, its own.

    No other is trusted, whoever signed it, so neither names nor dates matter. Raises OSError for a file that cannot be
    read, ValueError with words for one without a certificate, and for None.
    """
    if certificate is None:
        raise ValueError(tr("The setting certificate_file is empty, so the server cannot be told from another."))
    found = FIRST.search(certificate.read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise ValueError(tr("{file} holds no certificate.").format(file=certificate))
    return aiohttp.Fingerprint(hashlib.sha256(ssl.PEM_cert_to_DER_cert(found[0])).digest())
