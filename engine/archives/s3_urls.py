"""What a URL of S3 names: bucket, key, version and region; and how S3 spells a URL that is signed. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_to_bytes

from yarl import URL

from engine.archives import names
from engine.errors import BadRequestError

REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}")
# The hosts of AWS itself: virtual-hosted and path-style, with and without region, dual-stack, accelerated, in China.
_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3"
    rf"(?:-accelerate(?:\.dualstack)?|(?:\.dualstack)?[.-](?P<region>{REGION.pattern}))?"
    r"\.amazonaws\.com(?:\.cn)?"
)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_PLAIN_BUCKET = re.compile(r"[a-z0-9-]+")
_VERSION = "versionId"
# As S3 itself encodes a path and a query before it signs them: all but letters, digits and these.
_UNRESERVED = "-._~"


@dataclass(frozen=True, slots=True)
class S3Object:
    """One object, `version` None is the newest; `region` is the bucket's where the URL tells it."""

    bucket: str
    key: str
    version: str | None = None
    region: str | None = None

    def __str__(self) -> str:
        """Return it for a log line."""
        version = f" (version {self.version})" if self.version else ""
        return names.printable(f"{self.key} in the bucket {self.bucket}{version}")

    @property
    def style(self) -> str:
        """How it is addressed: AWS's certificates cover no bucket with a dot before the host."""
        return "virtual" if _PLAIN_BUCKET.fullmatch(self.bucket) else "path"


def is_s3(url: str) -> bool:
    """Whether `url` is of the form s3://bucket/key, which is always signed."""
    return url[:5].lower() == "s3://"


def is_aws_host(host: str) -> bool:
    """Whether S3 itself answers there, rather than an endpoint that somebody configured."""
    return _HOST.fullmatch(host) is not None


def is_presigned(parsed: URL) -> bool:
    """Whether a URL carries its own signature; another one beside it is refused by S3."""
    return "X-Amz-Signature" in parsed.query


def s3_object(url: str, parsed: URL) -> S3Object | None:
    """Return what `url` names; None for an http or https URL of a host that is not S3's own.

    The path is percent-decoded once; a plus sign stays one.

    Raises:
        BadRequestError: it is of S3 but names no object, or has parameters other than versionId.

    """
    if is_s3(url):
        bucket, key, region = url[5:].partition("/")[0].partition("?")[0], _decoded(url, parsed)[1:], None
    elif (found := _HOST.fullmatch(parsed.host or "")) and parsed.is_default_port():
        bucket, key = found["bucket"], _decoded(url, parsed)[1:]
        region = found["region"]
        if bucket is None:
            bucket, _, key = key.partition("/")
    else:
        return None
    if problem := _problem(bucket, key, parsed):
        raise BadRequestError(f"{names.printable(url)} {problem}. Write s3://bucket/key, or the object's https URL.")
    return S3Object(bucket, key, parsed.query.get(_VERSION) or None, region)


def canonical(parsed: URL) -> URL:
    """Return the URL in the one spelling that S3 computes signatures from; it means the same."""
    path = quote(unquote_to_bytes(parsed.raw_path), safe="/~")
    pairs = [pair.partition("=") for pair in parsed.raw_query_string.split("&") if pair]
    query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, _, value in pairs)
    return URL(f"{parsed.origin()}{path}{'?' if query else ''}{query}", encoded=True)


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)


def _decoded(url: str, parsed: URL) -> str:
    try:
        return unquote(parsed.raw_path, errors="strict")
    except UnicodeDecodeError:
        raise BadRequestError(f"{names.printable(url)} names a key that is no UTF-8.") from None


def _problem(bucket: str, key: str, parsed: URL) -> str:
    """Return why no object can be meant, in words; empty when one is."""
    others = sorted(set(parsed.query) - {_VERSION})
    problems = {
        "names no bucket that S3 could have": not _BUCKET.fullmatch(bucket),
        "names no key": not key,
        "names a folder, not an object": key.endswith("/"),
        "has a fragment; in a key, # is written %23": parsed.raw_fragment,
        f"has the parameter {names.printable(', '.join(others))}; versionId alone is known": others,
    }
    return next((problem for problem, found in problems.items() if found), "")
