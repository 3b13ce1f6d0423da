"""The right to read an object: credentials and endpoints as boto3 finds them, and AWS's signature. Blocking.

Importing boto3 takes as long as starting half of Marina, so this module is imported when it is first needed.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore import UNSIGNED  # type: ignore[import-untyped]
from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
from yarl import URL

from engine.archives import names
from engine.archives.s3_urls import S3Object, canonical, is_aws_host
from engine.archives.urls import Source

_DEFAULT_REGION = "us-east-1"
_CUSTOMER_KEY_SIZE = 32  # AES256, the only algorithm of SSE-C
_CUSTOMER_KEY_HEADER = "x-amz-server-side-encryption-customer"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NO_CREDENTIALS = (
    "no AWS credentials were found: before Marina starts, set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
    "AWS_DEFAULT_REGION, or AWS_PROFILE"
)


@dataclass(frozen=True, slots=True)
class Access:
    """How one object is asked for: at `source`, signed for `region`.

    `asked` is the URL as it was given. `target` is None when its host is not S3's own: that very URL is then signed and
    requested (TorchServe). `moved` tells that the region is one that an answer named. `customer_key` is the key of
    SSE-C, which goes along with the request; empty for every other object.
    """

    asked: Source
    target: S3Object | None
    source: Source
    region: str
    credentials: Any = dataclasses.field(repr=False)
    profile: str | None = None
    moved: bool = False
    customer_key: bytes = dataclasses.field(default=b"", repr=False)

    def __str__(self) -> str:
        """Return bucket and key for a log line; in a URL that may be spelt either way they stand in host and path."""
        return str(self.target or names.printable(f"{self.source.parsed.path} at {self.source.parsed.host}"))

    def headers(self) -> dict[str, str]:
        """Return the signature: TorchServe's headers, and the session token where the credentials have one.

        The key of SSE-C is one of the headers that are signed.
        """
        request = AWSRequest("GET", str(self.source.parsed), headers=_customer_key_headers(self.customer_key))
        S3SigV4Auth(self.credentials, "s3", self.region).add_auth(request)
        return dict(request.headers.items())

    def in_region(self, region: str) -> Access:
        """Return how to ask where an answer said that the bucket is; raises OSError."""
        source = _source(boto3.Session(profile_name=self.profile), self.asked, self.target, region)
        return dataclasses.replace(self, source=source, region=region, moved=True)

    def with_customer_key(self, file: Path) -> Access:
        """Return how to ask for an object that is encrypted with the key in `file` (SSE-C); raises OSError."""
        parsed = self.source.parsed
        if parsed.scheme != "https" and parsed.host not in _LOOPBACK:
            raise OSError("the object is encrypted with a key of your own (SSE-C), which is sent over https only")
        return dataclasses.replace(self, customer_key=_read_customer_key(file))

    def at(self, source: Source) -> Access:
        """Return how to ask where a redirect to the same host leads."""
        return dataclasses.replace(self, source=_canonical(source))

    def without_secrets(self, text: str) -> str:
        """Return an answer's text without what a server may have repeated of the request."""
        for secret in (self.credentials.token, base64.b64encode(self.customer_key).decode()):
            text = text.replace(secret, "...") if secret else text
        return text


def open_access(asked: Source, target: S3Object | None, profile: str | None = None) -> Access:
    """Return how to ask for an object, with whatever credentials boto3's chain finds now, in `profile` if one is named.

    Raises:
        OSError: there are none, or they cannot be had; the text says which and never holds them.

    """
    try:
        session = boto3.Session(profile_name=profile)
        found = session.get_credentials()
        credentials = found.get_frozen_credentials() if found else None
        region = (target and target.region) or os.environ.get("AWS_REGION") or session.region_name or _DEFAULT_REGION
        if credentials is None or not credentials.access_key:
            raise OSError(_NO_CREDENTIALS)
        return Access(asked, target, _source(session, asked, target, region), region, credentials, profile)
    except (BotoCoreError, ValueError) as error:
        raise OSError(f"the AWS configuration or credentials cannot be used: {error}") from error


def _source(session: Any, asked: Source, target: S3Object | None, region: str) -> Source:
    """Return where the object is: at S3, or at an endpoint that environment or profile set, which is trusted."""
    if target is None:
        return _canonical(asked)
    parsed = _address(session, target, region, target.style)
    if is_aws_host(parsed.host or ""):
        return Source(asked.url, parsed, asked.public_only)
    parsed = _address(session, target, region, "path")
    return Source(asked.url, parsed, public_only=False)


def _address(session: Any, target: S3Object, region: str, style: str) -> URL:
    config = Config(signature_version=UNSIGNED, s3={"addressing_style": style})
    client = session.client("s3", region_name=region, config=config)
    version = {"VersionId": target.version} if target.version else {}
    try:
        # Presigning without a signature is how botocore tells the plain URL of an object.
        url = client.generate_presigned_url(
            "get_object", Params={"Bucket": target.bucket, "Key": target.key, **version}
        )
    finally:
        client.close()
    return URL(url, encoded=True)


def _customer_key_headers(key: bytes) -> dict[str, str]:
    if not key:
        return {}
    digest = hashlib.md5(key, usedforsecurity=False).digest()  # a checksum of the key, as S3 asks for it
    return {
        f"{_CUSTOMER_KEY_HEADER}-algorithm": "AES256",
        f"{_CUSTOMER_KEY_HEADER}-key": base64.b64encode(key).decode(),
        f"{_CUSTOMER_KEY_HEADER}-key-MD5": base64.b64encode(digest).decode(),
    }


def _read_customer_key(file: Path) -> bytes:
    """Return the key of SSE-C: the file's 32 bytes, or the 32 bytes that its base64 text stands for."""
    with file.open("rb") as opened:
        content = opened.read(4 * _CUSTOMER_KEY_SIZE)
    try:
        key = content if len(content) == _CUSTOMER_KEY_SIZE else base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _CUSTOMER_KEY_SIZE:
        raise OSError(f"s3_sse_c_key_file: {file} must hold a key of {_CUSTOMER_KEY_SIZE} bytes, plain or in base64")
    return key


def _canonical(source: Source) -> Source:
    return dataclasses.replace(source, parsed=canonical(source.parsed))
