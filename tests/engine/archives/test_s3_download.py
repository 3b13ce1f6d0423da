"""Fetching with AWS's signature, from a site on loopback that checks it and answers as S3 does when things go wrong."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from engine.archives import receiving, ways
from engine.archives.download import Downloader, Wish
from engine.archives.s3_access import open_access
from engine.archives.s3_urls import s3_object
from engine.archives.urls import judge
from engine.errors import ArchiveNotFoundError, BadRequestError, ConflictError, DownloadError, InvalidArchiveError
from engine.snapshots import Progress
from engine.tasks import TaskGroup
from engine.threads import Threads
from tests.support.archives import archive
from tests.support.loops import real_time
from tests.support.ports import closed_port
from tests.support.s3 import KEY_ID, REGION, SECRET, SignedSite, keys, refusal, set_aws, signed_site
from tests.support.upstream import upstream

EVERYTHING = ("file://.*", "http(s)?://.*", "s3://.*")
PATH = "/sse-test/noop.mar"
TOKEN = "token-of-the-test/+="


@dataclass(frozen=True)
class Bench:
    """A downloader into an empty store, and the site, which has PATH; `log` is what was told of failures."""

    site: SignedSite
    store: Path
    threads: Threads
    noop: bytes
    log: pytest.LogCaptureFixture

    def downloader(self, allowed: tuple[str, ...] | None = EVERYTHING, customer_key: Path | None = None) -> Downloader:
        return Downloader(allowed, self.store, self.threads, customer_key=customer_key)

    async def fetch(self, path: str = PATH, progress: Callable[[Progress], None] | None = None) -> Path:
        return await self.downloader().fetch(Wish(self.site.url + path, signed=True), progress)

    async def fails(self, reason: str, url: str = "") -> None:
        """Require that the fetch fails in TorchServe's words, with the reason that the log has, and nothing is left."""
        url = url or self.site.url + PATH
        with pytest.raises(DownloadError) as failure:
            await self.downloader().fetch(Wish(url, signed=True))
        told = str(failure.value)
        assert told.startswith(f"Failed to download archive from: {url}. ")
        for place in (told, self.log.text):
            assert reason in place
            assert SECRET not in place
            assert TOKEN not in place
        assert self.left() == []

    def left(self) -> list[str]:
        return sorted(path.name for path in self.store.iterdir())


Scenario = Callable[[Bench], Awaitable[None]]
Run = Callable[[Scenario], None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Run:
    """Return what runs a scenario with TorchServe's three variables set and no pauses between attempts."""
    set_aws(monkeypatch, tmp_path, **keys())
    monkeypatch.setattr(ways, "PAUSES", (0.001, 0.001))
    monkeypatch.setattr(receiving, "PAUSES", (0.001, 0.001))
    caplog.set_level(logging.WARNING)

    @real_time
    async def in_bench(scenario: Scenario) -> None:
        async with bench(tmp_path, caplog) as at:
            await scenario(at)

    return in_bench


@asynccontextmanager
async def bench(folder: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Bench]:
    store = folder / "store"
    store.mkdir()
    noop = archive(folder).read_bytes()
    threads = Threads("test-disk", 2)
    try:
        async with signed_site() as site:
            site.files[PATH] = noop
            yield Bench(site, store, threads, noop, caplog)
    finally:
        threads.close()


def test_any_host_gets_the_signature_that_torchserve_sends(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        steps: list[Progress] = []
        path = await at.fetch(progress=steps.append)

        assert path.read_bytes() == at.noop
        assert at.left() == ["noop.mar"]
        assert steps[-1] == Progress("downloading", len(at.noop), len(at.noop))
        [asked] = at.site.asked
        assert f"Credential={KEY_ID}/" in asked.headers["Authorization"]
        assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date," in asked.headers["Authorization"]

    run(scenario)


def test_without_the_flag_nothing_is_signed(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        with pytest.raises(DownloadError):
            await at.downloader().fetch(Wish(at.site.url + PATH))
        assert "Authorization" not in at.site.asked[0].headers

    run(scenario)


def test_a_url_that_carries_a_signature_gets_no_other(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        at.site.instead[PATH] = [web.Response(body=at.noop)]
        await at.fetch(f"{PATH}?X-Amz-Signature=00ff")
        assert "Authorization" not in at.site.asked[0].headers

        at.site.instead[PATH] = [403]
        (at.store / "noop.mar").unlink()
        with pytest.raises(DownloadError):
            await at.fetch(f"{PATH}?X-Amz-Signature=00ff")
        assert "00ff" not in at.log.text

    run(scenario)


@pytest.mark.parametrize("path", ["/b/a b+c(1)*'!.mar", "/b/~ü/x.mar", "/b//x.mar", "/b/a%20b.mar"])
def test_whatever_the_key_holds_the_signature_is_right(run: Run, path: str) -> None:
    async def scenario(at: Bench) -> None:
        at.site.files = {path: at.noop}
        escaped = path.replace("%", "%25").replace(" ", "%20")
        await at.fetch(f"{escaped}?versionId=a/b+c&partNumber=1")
        assert at.site.asked[0].path == path

    run(scenario)


def test_the_token_of_temporary_credentials_is_signed_as_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)

    async def scenario(at: Bench) -> None:
        await at.fetch()
        assert at.site.asked[0].headers["x-amz-security-token"] == TOKEN
        assert "x-amz-security-token" in at.site.asked[0].headers["Authorization"]

    run(scenario)


def test_what_a_server_repeats_of_the_request_is_not_logged(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)

    async def scenario(at: Bench) -> None:
        at.site.instead[PATH] = [refusal(400, "ExpiredToken", f"The provided token {TOKEN}\nhas expired.")]
        await at.fails("Renew the credentials, AWS_SESSION_TOKEN among them.")

    run(scenario)


def test_credentials_come_from_a_profile(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, config = tmp_path / "credentials", tmp_path / "config"
    file.write_text(f"[models]\naws_access_key_id={KEY_ID}\naws_secret_access_key={SECRET}\n")
    config.write_text(f"[profile models]\nregion={REGION}\n")
    set_aws(monkeypatch, tmp_path, AWS_SHARED_CREDENTIALS_FILE=str(file), AWS_CONFIG_FILE=str(config))
    monkeypatch.setenv("AWS_PROFILE", "models")

    async def scenario(at: Bench) -> None:
        assert (await at.fetch()).read_bytes() == at.noop

    run(scenario)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "no AWS credentials were found: before Marina starts, set AWS_ACCESS_KEY_ID"),
        ({"AWS_ACCESS_KEY_ID": KEY_ID}, "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY"),
        ({"AWS_PROFILE": "nobody"}, "The config profile (nobody) could not be found"),
    ],
)
def test_without_usable_credentials_the_log_tells_what_to_set(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    set_aws(monkeypatch, tmp_path, **variables)

    async def scenario(at: Bench) -> None:
        await at.fails(reason)
        assert at.site.asked == []

    run(scenario)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            refusal(403, "AccessDenied", "Access Denied"),
            "need s3:GetObject (s3:GetObjectVersion with versionId), and kms:Decrypt",
        ),
        (refusal(403, "InvalidAccessKeyId", "No such id."), "Check AWS_ACCESS_KEY_ID"),
        (refusal(403, "SignatureDoesNotMatch", "No."), "Check AWS_SECRET_ACCESS_KEY"),
        (refusal(404, "NoSuchBucket", "No."), "Check the name of the bucket"),
        (refusal(404, "NoSuchKey", "No."), "/sse-test/noop.mar at 127.0.0.1: 404 NoSuchKey: No. Check the key"),
        (refusal(400, "KMS.DisabledException", "arn:aws:kms:1 is disabled."), "Check in AWS KMS that the key"),
        (refusal(400, "InvalidRequest", "Stored using SSE."), "name the key in s3_sse_c_key_file"),
        (refusal(403, "RequestTimeTooSkewed", "No."), "Set the clock"),
        (refusal(418, "Teapot", "short &amp; stout"), "418 Teapot: short & stout"),
        (web.Response(status=403, body=b"\xff" * 100_000), "403"),
    ],
)
def test_what_s3_refuses_is_told_in_the_log(run: Run, answer: web.Response, reason: str) -> None:
    async def scenario(at: Bench) -> None:
        at.site.instead[PATH] = [answer]
        await at.fails(reason)
        assert len(at.site.asked) == 1

    run(scenario)


@pytest.mark.parametrize("content", [bytes(range(32)), base64.b64encode(bytes(range(32))) + b"\n"])
def test_a_key_of_ones_own_is_sent_once_s3_asks_for_one(run: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "customer.key"
    file.write_bytes(content)

    async def scenario(at: Bench) -> None:
        at.site.customer_key = bytes(range(32))
        fetched = await at.downloader(customer_key=file).fetch(Wish(at.site.url + PATH, signed=True))
        assert fetched.read_bytes() == at.noop
        assert ["customer" in asked.headers["Authorization"] for asked in at.site.asked] == [False, True]

    run(scenario)


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33), b"no base64 of 32 bytes at all"])
def test_a_file_without_a_key_is_named_and_no_secret_is(run: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "customer.key"
    file.write_bytes(content)

    async def scenario(at: Bench) -> None:
        at.site.customer_key = bytes(32)
        with pytest.raises(DownloadError, match=r"customer\.key must hold a key of 32 bytes"):
            await at.downloader(customer_key=file).fetch(Wish(at.site.url + PATH, signed=True))
        assert at.left() == []

    run(scenario)


def test_a_wrong_key_is_refused_and_not_shown(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "customer.key"
    file.write_bytes(b"k" * 32)

    async def scenario(at: Bench) -> None:
        at.site.customer_key = bytes(32)
        with pytest.raises(DownloadError, match="InvalidRequest") as failure:
            await at.downloader(customer_key=file).fetch(Wish(at.site.url + PATH, signed=True))
        assert base64.b64encode(b"k" * 32).decode() not in str(failure.value) + at.log.text
        assert len(at.site.asked) == 2

    run(scenario)


def test_a_wrong_secret_is_refused_by_the_site(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")

    async def scenario(at: Bench) -> None:
        await at.fails("403 SignatureDoesNotMatch")

    run(scenario)


def test_another_region_is_taken_from_the_answer_once(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        at.site.region = "ap-south-1"
        wrong = refusal(400, "AuthorizationHeaderMalformed", "The region is wrong.", Region="ap-south-1")
        at.site.instead[PATH] = [wrong]
        await at.fetch()
        assert len(at.site.asked) == 2

    run(scenario)


def test_regions_that_contradict_each_other_end_it(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        at.site.instead[PATH] = [
            refusal(400, "AuthorizationHeaderMalformed", "Elsewhere.", header_region=region)
            for region in ("eu-north-1", "eu-south-1", "eu-north-1")
        ]
        await at.fails("Set AWS_DEFAULT_REGION to the bucket's region.")
        assert len(at.site.asked) == 2

    run(scenario)


@pytest.mark.parametrize("hiccup", [500, 503, 429, refusal(503, "SlowDown", "Please reduce your request rate.")])
def test_a_busy_server_is_asked_again(run: Run, hiccup: web.Response | int) -> None:
    async def scenario(at: Bench) -> None:
        at.site.instead[PATH] = [503, hiccup]
        assert (await at.fetch()).read_bytes() == at.noop

    run(scenario)


def test_a_server_that_stays_busy_is_given_up(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        at.site.instead[PATH] = [503] * 10
        await at.fails("503")
        assert len(at.site.asked) == 3

    run(scenario)


def test_an_endpoint_that_is_down_is_named(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        with closed_port() as closed:
            await at.fails("no answer: Cannot connect to host 127.0.0.1", f"{closed}{PATH}")
        await at.fails("the host no-such-host.invalid is unknown", f"https://no-such-host.invalid{PATH}")

    run(scenario)


def test_a_connection_that_stays_cut_leaves_nothing(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        at.site.instead[PATH] = [None] * 3
        await at.fails("payload is not completed")
        assert len(at.site.asked) == 3

    run(scenario)


def test_a_connection_that_is_cut_once_is_taken_up_with_a_signature_of_its_own(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        at.site.instead[PATH] = [None]
        assert (await at.fetch()).read_bytes() == at.noop
        assert all("AWS4-HMAC-SHA256" in asked.headers["Authorization"] for asked in at.site.asked)

    run(scenario)


def test_what_is_no_archive_and_a_taken_name_are_refused(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        at.site.files["/b/text.mar"] = b"no archive"
        with pytest.raises(InvalidArchiveError):
            await at.fetch("/b/text.mar")
        assert at.left() == []
        await at.fetch()
        with pytest.raises(ConflictError, match=r"^Model file already exists noop\.mar$"):
            await at.fetch()
        assert len(at.site.asked) == 2

    run(scenario)


def test_cancelling_leaves_nothing(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        at.site.endless.add(PATH)
        fetching = TaskGroup().start(at.fetch(), "fetch")
        await at.site.begun.wait()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert at.left() == []

    run(scenario)


def test_a_redirect_to_another_host_is_followed_without_the_signature(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)

    async def scenario(at: Bench) -> None:
        async with upstream() as other:
            other.files["/there.mar"] = at.noop
            at.site.instead[PATH] = [refusal(307, "TemporaryRedirect", "There.", location=f"{other.url}/there.mar")]
            assert (await at.fetch()).name == "noop.mar"
            assert [name for name in other.seen if name.lower().startswith(("authorization", "x-amz"))] == []

    run(scenario)


def test_a_redirect_on_the_same_host_is_signed_afresh(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        at.site.files["/b/there.mar"] = at.noop
        at.site.instead[PATH] = [refusal(302, "Found", "There.", location="/b/there.mar")]
        assert (await at.fetch()).name == "noop.mar"
        assert [asked.path for asked in at.site.asked] == [PATH, "/b/there.mar"]

        (at.store / "noop.mar").unlink()
        at.site.instead[PATH] = [refusal(302, "Found", "Here.", location=PATH) for _ in range(9)]
        await at.fails("302 Found")

    run(scenario)


def test_allowed_urls_and_private_addresses_hold_for_signed_requests(run: Run) -> None:
    async def scenario(at: Bench) -> None:
        url = at.site.url + PATH
        for allowed in (None, ("https://elsewhere/.*",)):
            with pytest.raises(ArchiveNotFoundError, match=r"does not match any allowed URL\(s\)"):
                await at.downloader(allowed).fetch(Wish(url, signed=True))
        with pytest.raises(ArchiveNotFoundError, match=r"does not match any allowed URL\(s\)"):
            await at.downloader(("https://elsewhere/.*",)).fetch(Wish("s3://bucket/noop.mar"))
        assert at.site.asked == []
        assert at.left() == []

    run(scenario)


def test_a_file_is_not_signed(run: Run, tmp_path: Path) -> None:
    async def scenario(at: Bench) -> None:
        with pytest.raises(BadRequestError, match="s3_sse_kms is for http, https and s3 URLs"):
            await at.downloader().fetch(Wish(archive(tmp_path).as_uri(), signed=True))

    run(scenario)


def test_an_s3_url_goes_to_the_endpoint_of_the_environment_by_default(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(at: Bench) -> None:
        for name, url in (
            ("AWS_ENDPOINT_URL", "s3://sse-test/noop.mar"),
            ("AWS_ENDPOINT_URL_S3", f"https://sse-test.s3.{REGION}.amazonaws.com/noop.mar"),
        ):
            monkeypatch.setenv(name, at.site.url)
            path = await at.downloader(None).fetch(Wish(url, signed=True))
            assert at.site.asked[-1].path == PATH
            path.unlink()
            monkeypatch.delenv(name)

    run(scenario)


@pytest.mark.parametrize(
    ("url", "asked", "region"),
    [
        ("s3://bucket/a b+.mar", "https://bucket.s3.eu-west-1.amazonaws.com/a%20b%2B.mar", REGION),
        ("s3://my.bucket/x.mar", "https://s3.eu-west-1.amazonaws.com/my.bucket/x.mar", REGION),
        ("s3://bucket/x.mar?versionId=v/1", "https://bucket.s3.eu-west-1.amazonaws.com/x.mar?versionId=v%2F1", REGION),
        ("http://bucket.s3.ap-south-1.amazonaws.com/x", "https://bucket.s3.ap-south-1.amazonaws.com/x", "ap-south-1"),
        ("https://s3.cn-north-1.amazonaws.com.cn/b-1/x", "https://b-1.s3.cn-north-1.amazonaws.com.cn/x", "cn-north-1"),
    ],
)
def test_where_an_object_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, asked: str, region: str
) -> None:
    set_aws(monkeypatch, tmp_path, **keys())
    source = judge(url.replace(" ", "%20"), None)
    access = open_access(source, s3_object(url, source.parsed))

    assert str(access.source.parsed) == asked
    assert access.source.public_only
    assert access.region == region
    assert str(access.in_region("us-west-2").source.parsed).startswith("https://")
    assert "us-west-2" in access.in_region("us-west-2").headers()["Authorization"]
    assert SECRET not in repr(access)


def test_the_region_of_the_environment_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_aws(monkeypatch, tmp_path, AWS_ACCESS_KEY_ID=KEY_ID, AWS_SECRET_ACCESS_KEY=SECRET)
    source = judge("s3://bucket/x.mar", None)
    target = s3_object(source.url, source.parsed)

    assert open_access(source, target).region == "us-east-1"
    monkeypatch.setenv("AWS_REGION", REGION)
    assert open_access(source, target).region == REGION
