"""What an answer says of an archive that is not fetched, in words. Pure."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from engine.archives import names
from engine.archives.validators import whole_size

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_ENCRYPTIONS = {"AES256": "SSE-S3", "aws:kms": "SSE-KMS", "aws:kms:dsse": "DSSE-KMS"}
_UNITS = ((1000**3, "GB"), (1000**2, "MB"), (1000, "kB"))


def told(response: ClientResponse) -> str:
    """Return a sentence on what is there: its size, encryption and region; raises OSError when it cannot be had."""
    if response.status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        if response.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise OSError(f"the answer is {response.status} {names.printable(response.reason or '')}".rstrip())
        raise OSError("it is empty")
    headers = response.headers
    whole = response.content_length if response.status == HTTPStatus.OK else whole_size(headers)
    encryption = headers.get("x-amz-server-side-encryption", "")
    region = headers.get("x-amz-bucket-region", "")
    parts = (
        "of unknown size" if whole is None else _size(whole),
        f"encrypted with {_ENCRYPTIONS.get(encryption, names.printable(encryption))}" if encryption else "",
        f"in {names.printable(region)}" if region else "",
    )
    return f"The archive is there: {', '.join(part for part in parts if part)}."


def _size(count: int) -> str:
    return next((f"{count / unit:.1f} {name}" for unit, name in _UNITS if count >= unit), f"{count} bytes")
