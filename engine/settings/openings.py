"""What a word names that asks to open something: an address, or a file. Pure."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

_ADDRESS = re.compile(r"(https?|s3)://", re.IGNORECASE)
_FILE = re.compile(r"file:/", re.IGNORECASE)


def opening(text: str, folder: Path) -> Path | str:
    """Return an address (http, https, s3) as it is, and the path of anything else; paths start at `folder`.

    A `file:` URL of this machine names its path (RFC 8089); any other stays as it is, for nobody to open.
    """
    if is_address(text):
        return text
    if not _FILE.match(text):
        return folder / text
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if parts.netloc.lower() not in ("", "localhost"):
        return text
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if "\0" in path:
        return text
    return folder / (path.lstrip("/") if sys.platform == "win32" else path)


def is_address(text: str) -> bool:
    """Whether an archive would be fetched from there."""
    return _ADDRESS.match(text) is not None
