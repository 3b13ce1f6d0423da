"""S3 on loopback: moto's server, and a site that checks signatures by itself and can misbehave."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
KEY_ID, SECRET = "AKIDEXAMPLE0000", "secret-of-the-test"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def set_aws(monkeypatch: pytest.MonkeyPatch, nowhere: Path, **variables: str) -> None:
    """Let this be all that boto3 finds: `variables` in the environment, no files of the user's and no cloud."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    files = {"AWS_CONFIG_FILE": str(nowhere / "no-config"), "AWS_SHARED_CREDENTIALS_FILE": str(nowhere / "none")}
    for name, value in {**files, "AWS_EC2_METADATA_DISABLED": "true", **variables}.items():
        monkeypatch.setenv(name, value)


def keys(key_id: str = KEY_ID, secret: str = SECRET, token: str = "", region: str = REGION) -> dict[str, str]:
    """Return TorchServe's three variables, and the token of temporary credentials."""
    variables = {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": region}
    return {**variables, "AWS_SESSION_TOKEN": token} if token else variables


@cache
def _session() -> Any:
    """Return the one that has read what botocore knows of AWS, a tenth of a second for each service."""
    return boto3.Session(region_name=REGION)


@dataclass(frozen=True)
class Moto:
    """A moto server, which from `strict` on checks signatures and permissions."""

    url: str

    def client(self, service: str, **credentials: str) -> Any:
        given = credentials or {"aws_access_key_id": "root", "aws_secret_access_key": "root"}
        return _session().client(service, endpoint_url=self.url, **given)

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        client = self.client(service)
        try:
            return getattr(client, operation)(**parameters)
        finally:
            client.close()

    def make_bucket(self, bucket: str, **versioning: str) -> None:
        where = {"LocationConstraint": REGION}
        self.call("s3", "create_bucket", Bucket=bucket, CreateBucketConfiguration=where)
        if versioning:
            self.call("s3", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration=versioning)

    def put_encrypted(self, bucket: str, key: str, body: bytes) -> str:
        """Store an object under a KMS key of its own and return its version, "" without versioning."""
        kms_key = self.call("kms", "create_key")["KeyMetadata"]["KeyId"]
        sse = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
        return str(self.call("s3", "put_object", Bucket=bucket, Key=key, Body=body, **sse).get("VersionId", ""))

    def make_user(self, policy: str) -> dict[str, str]:
        """Return the variables of a user who may do what `policy` says."""
        name = f"user-{len(self.call('iam', 'list_users')['Users'])}"
        self.call("iam", "create_user", UserName=name)
        self.call("iam", "put_user_policy", UserName=name, PolicyName="it", PolicyDocument=policy)
        made = self.call("iam", "create_access_key", UserName=name)["AccessKey"]
        return keys(made["AccessKeyId"], made["SecretAccessKey"])

    def make_role(self, policy: str) -> dict[str, str]:
        """Return the variables of somebody in a role: temporary credentials with a token."""
        made = self.call("iam", "create_role", RoleName="reader", AssumeRolePolicyDocument="{}")["Role"]
        self.call("iam", "put_role_policy", RoleName="reader", PolicyName="it", PolicyDocument=policy)
        found = self.call("sts", "assume_role", RoleArn=made["Arn"], RoleSessionName="test")["Credentials"]
        return keys(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    @staticmethod
    def strict() -> None:
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        ActionAuthenticatorMixin.request_count = 0

    @staticmethod
    def reset() -> None:
        settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
        moto_api_backend.reset()


@contextmanager
def moto_server() -> Iterator[Moto]:
    """Run one on a free port."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield Moto(f"http://{host}:{port}")
    finally:
        server.stop()
        if server._server:
            server._server.server_close()


@dataclass
class SignedSite:
    """Serves `files` by path to who signs for `region`, and before that, in turn, what `instead` holds for the path.

    An integer there is a status without a body, None cuts the connection in the middle of the file. With a
    `customer_key` all files are encrypted with it (SSE-C).
    """

    port: int = 0
    region: str = REGION
    files: dict[str, bytes] = field(default_factory=dict)
    instead: dict[str, list[web.Response | int | None]] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)
    endless: set[str] = field(default_factory=set)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    customer_key: bytes = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked.append(request)
        if self.instead.get(path):
            return await self._misbehave(request, self.instead[path].pop(0))
        if not is_signed(request, SECRET, self.region):
            return refusal(403, "SignatureDoesNotMatch", "The signature does not match.")
        if self.customer_key and not has_customer_key(request, self.customer_key):
            return refusal(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption.")
        if path in self.endless:
            return await self._trickle(request)
        return web.Response(body=self.files[path]) if path in self.files else refusal(404, "NoSuchKey", "No such key.")

    async def _misbehave(self, request: web.Request, what: web.Response | int | None) -> web.StreamResponse:
        if isinstance(what, web.Response):
            return what
        if what:
            return web.Response(status=what)
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        await response.write(b"PK")
        if request.transport:
            request.transport.abort()
        return response

    async def _trickle(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"PK")
        self.begun.set()
        await asyncio.Event().wait()
        return response


@asynccontextmanager
async def signed_site(context: ssl.SSLContext | None = None) -> AsyncIterator[SignedSite]:
    """Run an empty one, over TLS with a `context`."""
    site = SignedSite()
    app = web.Application()
    app.router.add_get("/{path:.*}", site.answer)
    server = TestServer(app)
    await server.start_server(ssl=context)
    try:
        site.port = server.port or 0
        yield site
    finally:
        await server.close()


def refusal(status: int, code: str, message: str, **more: str) -> web.Response:
    """Return an error as S3 writes it; `region` and `location` become elements or headers."""
    headers = {"Location": more.pop("location")} if "location" in more else {}
    if "header_region" in more:
        headers["x-amz-bucket-region"] = more.pop("header_region")
    rest = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message>{rest}</Error>'
    return web.Response(status=status, headers=headers, text=body, content_type="application/xml")


def has_customer_key(request: web.Request, key: bytes) -> bool:
    """Whether the request carries the headers of SSE-C for this key, all of them signed."""
    prefix = "x-amz-server-side-encryption-customer-"
    expected = {
        f"{prefix}algorithm": "AES256",
        f"{prefix}key": base64.b64encode(key).decode(),
        f"{prefix}key-md5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }
    signed = request.headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    return set(expected) <= set(signed) and all(request.headers.get(name) == text for name, text in expected.items())


def is_signed(request: web.Request, secret: str, region: str) -> bool:
    """Whether the request carries AWS's Signature Version 4, computed here from its description alone."""
    given = request.headers.get("Authorization", "")
    if not given.startswith("AWS4-HMAC-SHA256 "):
        return False
    parts = dict(part.split("=", 1) for part in given.removeprefix("AWS4-HMAC-SHA256 ").split(", "))
    date = request.headers["x-amz-date"]
    scope = f"{date[:8]}/{region}/s3/aws4_request"
    signed = parts["SignedHeaders"].split(";")
    query = "&".join(sorted(request.rel_url.raw_query_string.split("&")))
    canonical = "\n".join(
        [
            request.method,
            request.rel_url.raw_path,
            query,
            *(f"{name}:{request.headers[name].strip()}" for name in signed),
            "",
            parts["SignedHeaders"],
            EMPTY_SHA256,
        ]
    )
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    expected = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return parts["Credential"].endswith(f"/{scope}") and hmac.compare_digest(parts["Signature"], expected)
