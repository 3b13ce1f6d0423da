"""Registering private, encrypted archives from S3 over HTTP; moto's server checks signatures and permissions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.archives import receiving, ways
from tests.engine.api.conftest import Serve
from tests.support.archives import archive
from tests.support.s3 import Moto, keys, moto_server, set_aws
from tests.support.servers import Server, make_home, make_settings, serving
from tests.support.workers import FakeLauncher


def allowing(*actions: str) -> str:
    """Return a policy of IAM."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


LOCAL = (r"http://127\.0\.0\.1:\d+/.*", "s3://.*")
STORE = ["noop-1.0.mar", "noop-2.0.mar"]
KEY = "models/private.mar"
BUCKET = "encrypted"
MAY_READ = allowing("s3:GetObject", "s3:GetObjectVersion")
MAY_LIST = allowing("s3:ListBucket")
TEXT = (
    'Model "private" Version: 1.0 registered with 0 initial workers. '
    "Use scale workers API to add workers for the model."
)
Scenario = Callable[[Server], Awaitable[None]]


@pytest.fixture(scope="module")
def server_of_moto() -> Iterator[Moto]:
    with moto_server() as moto:
        yield moto


@pytest.fixture
def moto(server_of_moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moto]:
    """Give a moto with the archive under KEY, encrypted with a KMS key; nobody has credentials yet."""
    set_aws(monkeypatch, tmp_path)
    monkeypatch.setattr(ways, "PAUSES", ())
    monkeypatch.setattr(receiving, "PAUSES", (0.01, 0.01))
    server_of_moto.make_bucket(BUCKET)
    server_of_moto.put_encrypted(BUCKET, KEY, archive(tmp_path, "private").read_bytes())
    yield server_of_moto
    server_of_moto.reset()


@pytest.fixture
def serve_s3(serve: Serve, moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what runs a scenario with these credentials, while moto checks them."""

    def run(scenario: Scenario, variables: dict[str, str], **settings: Any) -> None:
        moto.strict()
        set_aws(monkeypatch, tmp_path, AWS_ENDPOINT_URL_S3=moto.url, **variables)
        serve(scenario, **{"allowed_urls": LOCAL, **settings})

    return run


def stored(server: Server) -> list[str]:
    return sorted(path.name for path in server.store.iterdir())


def test_an_encrypted_archive_is_registered_with_torchserves_call(serve_s3: Callable[..., None], moto: Moto) -> None:
    reader = moto.make_user(MAY_READ)

    async def scenario(server: Server) -> None:
        url = f"{moto.url}/{BUCKET}/{KEY}"
        answer = await server.register(f"url={url}&s3_sse_kms=true")
        assert (answer.status, answer.text) == (200, TEXT)
        (found,) = await server.describe("private")
        assert found["modelUrl"] == url
        assert stored(server) == [*STORE, "private.mar"]
        again = await server.register(f"url={url}&s3_sse_kms=true&model_name=again")
        assert again.error == (409, "ConflictStatusException", "Model file already exists private.mar")
        await server.manage("DELETE", "/models/private")
        assert stored(server) == STORE
        body = {"url": url, "s3_sse_kms": True}
        assert (await server.manage("POST", "/models", json=body)).text == TEXT

    serve_s3(scenario, reader)


@pytest.mark.parametrize("url", [f"s3://{BUCKET}/{KEY}", f"https://{BUCKET}.s3.eu-west-1.amazonaws.com/{KEY}"])
def test_urls_of_s3_itself_need_no_setting(serve_s3: Callable[..., None], moto: Moto, url: str) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.register(f"url={url}&s3_sse_kms=true")
        assert (answer.status, answer.text) == (200, TEXT)

    serve_s3(scenario, moto.make_user(MAY_READ), allowed_urls=None)


def test_temporary_credentials_of_a_role_do_as_well(serve_s3: Callable[..., None], moto: Moto) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.register(f"url=s3://{BUCKET}/{KEY}")).text == TEXT

    role = moto.make_role(MAY_READ)
    assert "AWS_SESSION_TOKEN" in role
    serve_s3(scenario, role)


def test_a_profile_does_as_well(serve_s3: Callable[..., None], moto: Moto, tmp_path: Path) -> None:
    reader = moto.make_user(MAY_READ)
    file = tmp_path / "credentials"
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    file.write_text("[models]\n" + "".join(f"{name.lower()}={reader[name]}\n" for name in names))

    async def scenario(server: Server) -> None:
        assert (await server.register(f"url=s3://{BUCKET}/{KEY}")).text == TEXT

    serve_s3(scenario, {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_PROFILE": "models"})


def test_a_version_of_an_object_is_registered(serve_s3: Callable[..., None], moto: Moto, tmp_path: Path) -> None:
    moto.make_bucket("versioned", Status="Enabled")
    old = moto.put_encrypted("versioned", "a b+c.mar", archive(tmp_path, "old").read_bytes())
    moto.put_encrypted("versioned", "a b+c.mar", archive(tmp_path, "new").read_bytes())

    async def scenario(server: Server) -> None:
        await server.manage("POST", "/models", json={"url": f"s3://versioned/a%20b+c.mar?versionId={old}"})
        assert await server.names() == ["old"]
        assert stored(server) == ["a b+c.mar", *STORE]
        await server.manage("DELETE", "/models/old")
        await server.manage("POST", "/models", json={"url": "s3://versioned/a%20b+c.mar"})
        assert await server.names() == ["new"]

    serve_s3(scenario, moto.make_user(MAY_READ))


@pytest.mark.parametrize(
    ("change", "path", "code"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}, KEY, "InvalidAccessKeyId"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, KEY, "SignatureDoesNotMatch"),
        ({}, "missing.mar", "NoSuchKey"),
        ({}, f"../no-such-bucket/{KEY}", "NoSuchBucket"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, KEY, "no AWS credentials were found"),
    ],
)
def test_what_goes_wrong_is_answered_in_torchserves_words(
    serve_s3: Callable[..., None],
    moto: Moto,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, str],
    path: str,
    code: str,
) -> None:
    reader = moto.make_user(MAY_READ)

    async def scenario(server: Server) -> None:
        url = f"s3://{path.removeprefix('../') if path.startswith('../') else f'{BUCKET}/{path}'}"
        answer = await server.register(f"url={url}")
        assert answer.error[:2] == (400, "DownloadArchiveException")
        assert answer.error[2].startswith(f"Failed to download archive from: {url}. ")
        for place in (answer.error[2], caplog.text):
            assert code in place
            assert reader["AWS_SECRET_ACCESS_KEY"] not in place
        assert await server.names() == []
        assert stored(server) == STORE

    serve_s3(scenario, {**reader, **change})


def test_credentials_without_permission_are_refused(
    serve_s3: Callable[..., None], moto: Moto, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(server: Server) -> None:
        url = f"s3://{BUCKET}/{KEY}"
        answer = await server.register(f"url={url}")
        assert answer.error[2].startswith(f"Failed to download archive from: {url}. ")
        for place in (answer.error[2], caplog.text):
            assert f"{KEY} in the bucket {BUCKET}: 403 AccessDenied" in place
            assert "need s3:GetObject" in place

    serve_s3(scenario, moto.make_user(MAY_LIST))


@pytest.mark.parametrize("url", ["s3://", f"s3://{BUCKET}", f"s3://{BUCKET}/models/", "https://s3.amazonaws.com/x"])
def test_a_url_that_names_no_object_is_a_bad_request(serve_s3: Callable[..., None], url: str) -> None:
    async def scenario(server: Server) -> None:
        code, kind, text = (await server.register(f"url={url}&s3_sse_kms=true")).error
        assert (code, kind) == (400, "BadRequestException")
        assert text.startswith(url)
        assert "Write s3://bucket/key" in text
        assert stored(server) == STORE

    serve_s3(scenario, keys(), allowed_urls=None)


def test_a_name_in_the_store_needs_no_signature(serve_s3: Callable[..., None]) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.register("url=noop-1.0.mar&s3_sse_kms=true")).status == 200

    serve_s3(scenario, {})


def test_a_model_from_s3_comes_back_from_its_file_after_a_restart(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_aws(monkeypatch, tmp_path, AWS_ENDPOINT_URL_S3=moto.url, **keys())
    home = make_home(tmp_path)

    async def main() -> None:
        async with serving(home, make_settings(), FakeLauncher()) as server:
            assert (await server.register(f"url=s3://{BUCKET}/{KEY}")).text == TEXT
        set_aws(monkeypatch, tmp_path)
        async with serving(home, make_settings(), FakeLauncher()) as server:
            (found,) = await server.describe("private")
            assert found["modelUrl"] == f"s3://{BUCKET}/{KEY}"
            await server.manage("DELETE", "/models/private")
            assert stored(server) == []

    asyncio.run(main())
