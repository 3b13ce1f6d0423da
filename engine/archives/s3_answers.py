"""What S3 and its likes answer instead of an object: the reason in words, and whether to ask again. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.archives import names
from engine.archives.s3_urls import REGION

# No answer at all.
_SILENT = 0
_BUSY = {_SILENT, 429, 500, 502, 503, 504}
_RENEW = "Renew the credentials, AWS_SESSION_TOKEN among them."
_REGION = "Set AWS_DEFAULT_REGION to the bucket's region."
_WAYS_OUT = {
    "AccessDenied": "The credentials need s3:GetObject (s3:GetObjectVersion with versionId), and kms:Decrypt.",
    "AuthorizationHeaderMalformed": _REGION,
    "ExpiredToken": _RENEW,
    "InvalidAccessKeyId": "Check AWS_ACCESS_KEY_ID, or the profile that AWS_PROFILE names.",
    "InvalidObjectState": "It is archived; restore it in S3 first.",
    "InvalidRequest": "If it is encrypted with a key of your own (SSE-C), name the key in s3_sse_c_key_file.",
    "InvalidToken": _RENEW,
    "NoSuchBucket": "Check the name of the bucket.",
    "NoSuchKey": "Check the key; capitals count.",
    "NoSuchVersion": "Check versionId.",
    "PermanentRedirect": _REGION,
    "RequestTimeTooSkewed": "Set the clock of this machine.",
    "SignatureDoesNotMatch": "Check AWS_SECRET_ACCESS_KEY, and that it belongs to AWS_ACCESS_KEY_ID.",
    "TokenRefreshRequired": _RENEW,
}
_KMS = "Check in AWS KMS that the key it is encrypted with is enabled, and that the credentials have kms:Decrypt."


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer without the object. `region` is where the bucket is, `location` where a redirect leads; maybe empty."""

    status: int
    code: str
    message: str
    region: str
    location: str

    @property
    def is_busy(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.status in _BUSY

    @property
    def wants_customer_key(self) -> bool:
        """Whether S3 may refuse for want of a key of SSE-C; it says no more than that the request is invalid."""
        return self.code == "InvalidRequest"

    def __str__(self) -> str:
        """Return what was answered, and the way out where one is known."""
        way_out = _KMS if self.code.startswith("KMS.") else _WAYS_OUT.get(self.code, "")
        what = f"{self.status or 'no answer'} {names.printable(self.code)}".strip()
        said = f"{what}: {names.printable(self.message)}" if self.message else what
        return f"{said.rstrip('.')}. {way_out}".strip()


def no_answer(error: Exception) -> Refusal:
    """Return what stands for an answer where none came."""
    return Refusal(_SILENT, "", str(error), "", "")


def read_refusal(status: int, headers: Mapping[str, str], text: str) -> Refusal:
    """Return what an answer says; its XML is searched and never parsed, so it can contain nothing that acts."""
    region = headers.get("x-amz-bucket-region", "") or _element("Region", text)
    return Refusal(
        status,
        _element("Code", text),
        _element("Message", text),
        region if REGION.fullmatch(region) else "",
        headers.get("Location", ""),
    )


def _element(name: str, text: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", text)
    return html.unescape(found[1]).strip() if found else ""
