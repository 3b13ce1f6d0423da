"""What goes wrong between Marina and S3, over REST against moto's server: a clear answer each, and nothing left."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from engine.archives import receiving, ways
from engine.errors import DownloadError
from engine.registration import Registration
from tests.engine.api.conftest import Serve
from tests.support.archives import archive
from tests.support.relay import Relay, relay
from tests.support.s3 import Moto, keys, moto_server, set_aws
from tests.support.servers import Server

STORE = ["noop-1.0.mar", "noop-2.0.mar"]
BUCKET, KEY = "encrypted", "models/private.mar"
URL = f"s3://{BUCKET}/{KEY}"
SIZE = 2 * 1024**2
MAY_READ = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}
)
MAY_NOTHING = MAY_READ.replace("s3:GetObject", "s3:ListBucket")
Scenario = Callable[[Server, Relay], Awaitable[None]]
Trouble = Callable[[Scenario, dict[str, str]], None]


@pytest.fixture(scope="module")
def server_of_moto() -> Iterator[Moto]:
    with moto_server() as moto:
        yield moto


@pytest.fixture
def moto(server_of_moto: Moto, tmp_path: Path) -> Iterator[Moto]:
    """Give a moto with an archive of some MiB under KEY, encrypted with a KMS key."""
    server_of_moto.make_bucket(BUCKET)
    content = archive(tmp_path, "private", files={"weights.bin": os.urandom(SIZE)}).read_bytes()
    server_of_moto.put_encrypted(BUCKET, KEY, content)
    yield server_of_moto
    server_of_moto.reset()


@pytest.fixture
def trouble(serve: Serve, moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trouble:
    """Return what runs a scenario with these credentials, and a relay before moto that can cut connections."""
    monkeypatch.setattr(ways, "PAUSES", (0.01,))
    monkeypatch.setattr(receiving, "PAUSES", (0.01, 0.01))

    def run(scenario: Scenario, variables: dict[str, str]) -> None:
        moto.strict()

        async def through_the_relay(server: Server) -> None:
            async with relay(int(moto.url.rpartition(":")[2])) as cutting:
                endpoint = {"AWS_ENDPOINT_URL_S3": cutting.url}
                set_aws(monkeypatch, tmp_path, **{**endpoint, **variables})
                await scenario(server, cutting)

        serve(through_the_relay)

    return run


@pytest.mark.parametrize(
    ("change", "policy", "url", "reason"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}, MAY_READ, URL, "403 InvalidAccessKeyId"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, MAY_READ, URL, "403 SignatureDoesNotMatch"),
        ({}, MAY_READ, f"s3://{BUCKET}/missing.mar", "404 NoSuchKey"),
        ({}, MAY_READ, "s3://no-such-bucket/x.mar", "404 NoSuchBucket"),
        ({}, MAY_NOTHING, URL, "403 AccessDenied"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, MAY_READ, URL, "no AWS credentials were found"),
        ({"AWS_PROFILE": "nobody"}, MAY_READ, URL, "The config profile (nobody) could not be found"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, MAY_READ, URL, "no answer: Cannot connect to host 127.0.0.1"),
        (
            {"AWS_ENDPOINT_URL_S3": "http://no-such-host.invalid"},
            MAY_READ,
            URL,
            "the host no-such-host.invalid is unknown",
        ),
    ],
)
@pytest.mark.parametrize("asks", ["registering", "trying"])
def test_each_trouble_is_told_with_bucket_and_key_and_without_a_secret(
    trouble: Trouble,
    moto: Moto,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, str],
    policy: str,
    url: str,
    reason: str,
    asks: str,
) -> None:
    caplog.set_level(logging.INFO)
    user = moto.make_user(policy)

    async def scenario(server: Server, _relay: Relay) -> None:
        if asks == "registering":
            answer = await server.register(f"url={url}")
            assert answer.error[:2] == (400, "DownloadArchiveException")
            told = answer.error[2]
        else:
            told = await refused(server, url)
        assert told.startswith(f"Failed to download archive from: {url}. ")
        assert reason in told
        assert reason in caplog.text
        assert user["AWS_SECRET_ACCESS_KEY"] not in told + caplog.text
        assert await server.names() == []
        assert left(server) == STORE

    trouble(scenario, {**user, **change})


def test_a_connection_that_is_cut_is_taken_up_again(trouble: Trouble, moto: Moto) -> None:
    async def scenario(server: Server, cutting: Relay) -> None:
        cutting.cuts = [500_000, 700_000]
        answer = await server.register(f"url={URL}")
        assert answer.status == 200, answer.body
        assert cutting.connections == 3
        assert left(server) == [*STORE, "private.mar"]

    trouble(scenario, moto.make_user(MAY_READ))


def test_a_connection_that_stays_cut_is_told(trouble: Trouble, moto: Moto) -> None:
    async def scenario(server: Server, cutting: Relay) -> None:
        cutting.cuts = [100_000] * 9
        answer = await server.register(f"url={URL}")
        assert answer.error[:2] == (400, "DownloadArchiveException")
        assert answer.error[2].startswith(f"Failed to download archive from: {URL}. Response payload is not completed")
        assert left(server) == STORE

    trouble(scenario, moto.make_user(MAY_READ))


def test_an_object_that_has_not_changed_is_not_fetched_again(trouble: Trouble, moto: Moto) -> None:
    async def scenario(server: Server, cutting: Relay) -> None:
        assert (await server.register(f"url={URL}")).status == 200
        await server.manage("DELETE", "/models/private")
        assert left(server) == STORE
        cutting.cuts = [SIZE // 2] * 9
        assert (await server.register(f"url={URL}")).status == 200
        assert left(server) == [*STORE, "private.mar"]

    trouble(scenario, moto.make_user(MAY_READ))


def test_an_object_is_tried_without_being_fetched(trouble: Trouble, moto: Moto) -> None:
    async def scenario(server: Server, cutting: Relay) -> None:
        cutting.cuts = [SIZE // 2]
        told = await server.engine.try_source(Registration(URL))
        assert told == "The archive is there: 2.1 MB, encrypted with SSE-KMS."
        assert left(server) == STORE

    trouble(scenario, moto.make_user(MAY_READ))


def test_the_profile_of_the_call_wins(trouble: Trouble, moto: Moto, tmp_path: Path) -> None:
    reader = moto.make_user(MAY_READ)
    file = tmp_path / "credentials"
    lines = [f"{name.lower()}={reader[name]}" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    file.write_text("\n".join(["[models]", *lines, ""]))

    async def scenario(server: Server, _relay: Relay) -> None:
        assert (await server.register(f"url={URL}")).error[1] == "DownloadArchiveException"
        assert (await server.register(f"url={URL}&s3_profile=models")).status == 200
        assert server.engine.registration_of("private", "1.0").s3_profile == "models"

    trouble(scenario, {**keys("AKIAWRONG", "wrong"), "AWS_SHARED_CREDENTIALS_FILE": str(file)})


async def refused(server: Server, url: str) -> str:
    with pytest.raises(DownloadError) as failure:
        await server.engine.try_source(Registration(url))
    return str(failure.value)


def left(server: Server) -> list[str]:
    return sorted(path.name for path in server.store.iterdir())
