"""What Marina adds to registering: a sha256 to check against, how far it is, certificates of the system, offers."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from aiohttp import web

from engine import offers
from engine.archives.download import Downloader, Wish
from engine.errors import DownloadError
from engine.tasks import TaskGroup
from engine.threads import Threads
from tests.document.test_encrypted_model_document import HOST, certified
from tests.engine.api.conftest import Serve
from tests.support.archives import archive
from tests.support.loops import real_time
from tests.support.ranged import ranged
from tests.support.s3 import signed_site
from tests.support.servers import Server

LOCAL = (r"http://127\.0\.0\.1:\d+/.*",)
STORE = ["noop-1.0.mar", "noop-2.0.mar"]
WRONG = "0" * 64


def stored(server: Server) -> list[str]:
    return sorted(path.name for path in server.store.iterdir())


def test_an_archive_with_another_sha256_is_refused_wherever_it_lies(serve: Serve, tmp_path: Path) -> None:
    far = archive(tmp_path, "far")
    right = hashlib.sha256(far.read_bytes()).hexdigest()

    async def scenario(server: Server) -> None:
        async with ranged(far) as site:
            for url, name in ((site.url, "big.mar"), ("noop-1.0.mar", "noop-1.0.mar")):
                answer = await server.register(f"url={url}&sha256={WRONG}")
                assert answer.error[:2] == (400, "InvalidModelException")
                assert answer.error[2].startswith(f"{name} is not the archive that was asked for: its sha256 is ")
                assert stored(server) == STORE
                assert await server.names() == []
            assert (await server.register(f"url={site.url}&sha256={right.upper()}")).status == 200
        mine = hashlib.sha256((server.store / "noop-1.0.mar").read_bytes()).hexdigest()
        assert (await server.register(f"url=noop-1.0.mar&sha256={mine}")).status == 200

    serve(scenario, allowed_urls=LOCAL)


@pytest.mark.parametrize("digits", ["00ff", "g" * 64, ""])
def test_what_is_no_sha256_is_a_bad_request(serve: Serve, digits: str) -> None:
    async def scenario(server: Server) -> None:
        answer = await server.register(f"url=noop-1.0.mar&sha256={digits}")
        assert answer.error == (400, "BadRequestException", "sha256 must be 64 hexadecimal digits.")

    serve(scenario)


def test_a_folder_has_no_sha256(serve: Serve) -> None:
    async def scenario(server: Server) -> None:
        (server.store / "folder").mkdir()
        answer = await server.register(f"url=folder&sha256={WRONG}")
        assert answer.error[:2] == (400, "BadRequestException")
        assert "is a folder" in answer.error[2]

    serve(scenario)


def test_a_script_can_see_how_far_an_archive_is(serve: Serve, tmp_path: Path) -> None:
    far = archive(tmp_path, "far", files={"weights.bin": os.urandom(3 * 1024**2)})

    async def scenario(server: Server) -> None:
        assert (await server.manage("GET", "/acts")).json == {"acts": []}
        async with ranged(far) as site:
            site.rate = 8e6
            tasks = TaskGroup(lambda _name, _error: None)
            registering = tasks.start(server.register(f"url={site.url}"), "register")
            await site.begun.wait()
            seen = []
            while not registering.done():
                seen += (await server.manage("GET", "/acts")).json["acts"]
            assert (await registering).status == 200
        assert (await server.manage("GET", "/acts")).json == {"acts": []}
        assert {act["title"] for act in seen} == {site.url}
        loading = [act for act in seen if act["phase"] == "downloading" and act["done"]]
        assert loading[0]["total"] == far.stat().st_size
        assert loading[0]["bytesPerSecond"] > 0
        assert "secondsLeft" in loading[0]

    serve(scenario, allowed_urls=LOCAL)


def test_an_archive_that_is_put_into_the_store_is_offered_until_it_is_registered(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers, "LOOK_SECONDS", 0.01)
    new, added = archive(tmp_path, "new"), archive(tmp_path, "added")

    async def scenario(server: Server) -> None:
        changed = asyncio.Event()
        stop = server.engine.subscribe(changed.set)
        await server.engine.add_to_store(added, lambda _step: None)
        (server.store / "half").write_bytes(new.read_bytes())
        (server.store / "half").rename(server.store / "new.mar")
        while server.engine.offers() != ("new.mar",):
            changed.clear()
            await changed.wait()
        await server.register("url=new.mar")
        assert server.engine.offers() == ()
        stop()

    serve(scenario, watch_model_store=True)


@real_time
async def test_the_certificates_are_the_systems_or_those_that_ssl_cert_file_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = archive(tmp_path, "far").read_bytes()
    serving, _ = certified(tmp_path)
    (tmp_path / "store").mkdir()

    async def here(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    threads = Threads("test-disk", 1)
    try:
        async with signed_site(serving) as site:
            downloader = Downloader((f"https://{HOST}.*",), tmp_path / "store", threads, lookup=here)
            wish = Wish(f"https://{HOST}:{site.port}/far.mar")
            with pytest.raises(DownloadError):
                await downloader.fetch(wish)
            assert site.asked == []
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
            site.instead["/far.mar"] = [web.Response(body=content)]
            assert (await downloader.fetch(wish)).read_bytes() == content
    finally:
        threads.close()


def test_a_model_configuration_that_cannot_be_read_is_named_in_the_description_and_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(server: Server) -> None:
        archive(server.store, "odd", config="minWorkers: 1\nbatchSize: 2\n  x: y\n")
        archive(server.store, "large", config="minWorkers: 1000000\non: 1\n")
        archive(server.store, "fine", config="minWorkers: 1\n")
        for name in ("odd", "large", "fine"):
            assert (await server.register(f"url={name}-1.0.mar&model_name={name}")).status in (200, 202)
        [odd], [large], [fine] = [await server.describe(name) for name in ("odd", "large", "fine")]
        unread = "The file cannot be read and has no effect: line 3: mapping values are not allowed here"
        assert odd["modelConfigProblems"] == [unread]
        assert large["modelConfigProblems"] == ["minWorkers is ignored: 1000000 is more than 1000"]
        assert large["minWorkers"] == 0
        assert "modelConfigProblems" not in fine
        assert server.engine.describe("odd")[0].config_problems == (unread,)
        assert f"model-config.yaml: {unread}" in caplog.text

    serve(scenario)
