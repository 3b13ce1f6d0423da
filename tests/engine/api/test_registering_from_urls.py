"""Registering from URLs, tars and folders over HTTP: what is answered, and which files the store holds then."""

from __future__ import annotations

import asyncio
import shutil
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.archives.unpack import unpack
from engine.tasks import TaskGroup
from engine.workers.launcher import Launcher
from tests.engine.api.conftest import Serve
from tests.support.archives import archive
from tests.support.servers import Server, make_home, make_settings, serving, unpacked
from tests.support.upstream import Upstream, upstream
from tests.support.workers import FakeLauncher

EVERYTHING = ("file://.*", "http(s)?://.*")
STORE = ["noop-1.0.mar", "noop-2.0.mar"]
Remote = Callable[[Server, Upstream], Awaitable[None]]
ServeRemote = Callable[..., None]


@pytest.fixture
def serve_remote(serve: Serve, tmp_path: Path) -> ServeRemote:
    """Return what runs a scenario on a server, and one upstream that has /remote-noop.mar."""
    packed = archive(tmp_path, "remote-noop")

    def run(scenario: Remote, launcher: Launcher | None = None, **settings: Any) -> None:
        async def with_upstream(server: Server) -> None:
            async with upstream() as site:
                site.files["/remote-noop.mar"] = packed.read_bytes()
                await scenario(server, site)

        serve(with_upstream, launcher, **{"allowed_urls": EVERYTHING, **settings})

    return run


def stored(server: Server) -> list[str]:
    return sorted(path.name for path in server.store.iterdir())


def registered(name: str, workers: int = 0) -> str:
    text = f'Model "{name}" Version: 1.0 registered with {workers} initial workers'
    return text if workers else f"{text}. Use scale workers API to add workers for the model."


def test_a_model_comes_from_http_and_its_file_goes_with_it(serve_remote: ServeRemote) -> None:
    async def scenario(server: Server, site: Upstream) -> None:
        url = f"{site.url}/remote-noop.mar"
        answer = await server.register(f"url={url}")
        assert (answer.status, answer.text) == (200, registered("remote-noop"))
        (found,) = await server.describe("remote-noop")
        assert found["modelUrl"] == url
        assert stored(server) == [*STORE, "remote-noop.mar"]

        again = await server.register(f"url={url}&model_name=again")
        assert again.error == (409, "ConflictStatusException", "Model file already exists remote-noop.mar")

        assert (await server.manage("DELETE", "/models/remote-noop")).text == 'Model "remote-noop" unregistered'
        assert stored(server) == STORE
        assert (await server.register(f"url={url}&model_name=again")).text == registered("again")
        assert (await server.manage("GET", "/models")).json == {"models": [{"modelName": "again", "modelUrl": url}]}

    serve_remote(scenario)


def test_a_model_from_a_url_is_fetched_again_when_its_removal_is_undone(serve_remote: ServeRemote) -> None:
    async def scenario(server: Server, site: Upstream) -> None:
        await server.register(f"url={site.url}/remote-noop.mar&batch_size=3")
        before = await server.describe("remote-noop")
        again = server.engine.registration_of("remote-noop", "1.0")
        assert (again.url, again.s3_sse_kms) == (f"{site.url}/remote-noop.mar", False)
        await server.engine.unregister("remote-noop")
        assert stored(server) == STORE
        await server.engine.register(again)
        assert await server.describe("remote-noop") == before

    serve_remote(scenario)


def test_a_model_comes_from_a_file_url(serve_remote: ServeRemote, tmp_path: Path) -> None:
    async def scenario(server: Server, _site: Upstream) -> None:
        there = tmp_path / "remote-noop-1.0.mar"
        answer = await server.register(f"url={there.as_uri()}")
        assert (answer.status, answer.text) == (200, registered("remote-noop"))
        await server.manage("DELETE", "/models/remote-noop")
        assert there.exists()
        missing = await server.register(f"url={there.name}")
        assert missing.error == (404, "ModelNotFoundException", f"Model not found at: {there.name}")
        taken = await server.register(f"url={(server.store / STORE[0]).as_uri()}")
        assert taken.error == (409, "ConflictStatusException", f"Model file already exists {STORE[0]}")
        assert stored(server) == STORE

    serve_remote(scenario)


@pytest.mark.parametrize("path", ["/missing.mar", "/status/500/x.mar", "/status/403/x.mar"])
def test_a_source_that_fails_is_named(serve_remote: ServeRemote, path: str) -> None:
    async def scenario(server: Server, site: Upstream) -> None:
        url = site.url + path
        answer = await server.register(f"url={url}")
        assert answer.error == (400, "DownloadArchiveException", f"Failed to download archive from: {url}")
        assert await server.names() == []
        assert stored(server) == STORE

    serve_remote(scenario)


@pytest.mark.parametrize(
    ("url", "code", "kind", "start"),
    [
        ("file:///no/such/place/x.mar", 400, "DownloadArchiveException", "Failed to download archive from: {url}"),
        ("http://h.invalid/x.mar", 400, "DownloadArchiveException", "Failed to download archive from: {url}"),
        ("http://", 404, "ModelNotFoundException", "Given URL {url} is not allowed: it names no host."),
        ("ftp://127.0.0.1/x.mar", 404, "ModelNotFoundException", "Model not found at: {url}"),
        ("s3://b/noop-1.0.mar", 404, "ModelNotFoundException", "Given URL {url} does not match any allowed URL(s)"),
        ("http://h/../x.mar", 404, "ModelNotFoundException", "Relative path is not allowed in url: {url}"),
    ],
)
def test_urls_that_cannot_be_fetched_have_torchserves_answers(
    serve: Serve, url: str, code: int, kind: str, start: str
) -> None:
    async def scenario(server: Server) -> None:
        assert (await server.register(f"url={url}")).error == (code, kind, start.format(url=url))
        assert stored(server) == STORE

    serve(scenario, allowed_urls=EVERYTHING)


def test_only_allowed_urls_are_fetched(serve_remote: ServeRemote) -> None:
    async def scenario(server: Server, site: Upstream) -> None:
        site.files["/allowed-noop.mar"] = site.files["/remote-noop.mar"]
        assert (await server.register(f"url={site.url}/allowed-noop.mar")).status == 200
        for url in (f"{site.url}/remote-noop.mar", "file:///srv/remote-noop.mar"):
            answer = await server.register(f"url={url}")
            text = f"Given URL {url} does not match any allowed URL(s)"
            assert answer.error == (404, "ModelNotFoundException", text)
        assert (await server.register("url=noop-1.0.mar")).status == 200
        assert site.asked == ["/allowed-noop.mar"]

    serve_remote(scenario, allowed_urls=("http://127.0.0.1:[0-9]+/allowed-.*",))


def test_by_default_nothing_is_fetched_from_this_machine(serve_remote: ServeRemote) -> None:
    async def scenario(server: Server, site: Upstream) -> None:
        for url in (f"{site.url}/remote-noop.mar", "file:///etc/passwd"):
            code, kind, text = (await server.register(f"url={url}")).error
            assert (code, kind) == (404, "ModelNotFoundException")
            assert text.startswith(f"Given URL {url} does not match any allowed URL(s)")
            assert "allowed_urls" in text
        assert site.asked == []
        assert stored(server) == STORE

    serve_remote(scenario, allowed_urls=None)


def test_a_registration_that_fails_after_the_download_leaves_no_file(serve_remote: ServeRemote, tmp_path: Path) -> None:
    async def scenario(server: Server, site: Upstream) -> None:
        site.files["/broken.mar"] = b"no zip"
        site.files["/no-handler.mar"] = archive(tmp_path, "x", files={"model-config.yaml": b": ["}).read_bytes()
        site.files["/twin.mar"] = archive(tmp_path, "noop").read_bytes()
        await server.register("url=noop-1.0.mar")
        for path, options, status in (
            ("/broken.mar", "", 400),
            ("/remote-noop.mar", "&handler=elsewhere.py", 400),
            ("/twin.mar", "", 409),
        ):
            answer = await server.register(f"url={site.url}{path}{options}")
            assert answer.status == status, answer
            assert stored(server) == STORE
            assert len(unpacked(server)) == 1

    serve_remote(scenario)


def test_workers_that_do_not_come_up_take_the_file_with_them(serve_remote: ServeRemote) -> None:
    async def scenario(server: Server, site: Upstream) -> None:
        url = f"{site.url}/remote-noop.mar"
        answer = await server.register(f"url={url}&initial_workers=1&synchronous=true")
        assert answer.status == 500, answer
        assert stored(server) == STORE

    serve_remote(scenario, FakeLauncher(load_error="ImportError"))


def test_a_file_that_another_version_uses_by_its_name_stays(serve_remote: ServeRemote) -> None:
    async def scenario(server: Server, site: Upstream) -> None:
        await server.register(f"url={site.url}/remote-noop.mar")
        await server.register("url=remote-noop.mar&model_name=local")
        await server.manage("DELETE", "/models/remote-noop")
        assert stored(server) == [*STORE, "remote-noop.mar"]
        await server.manage("DELETE", "/models/local")
        assert stored(server) == [*STORE, "remote-noop.mar"]

    serve_remote(scenario)


def test_a_caller_that_leaves_during_the_download_leaves_nothing(serve_remote: ServeRemote) -> None:
    async def scenario(server: Server, site: Upstream) -> None:
        site.endless.add("/slow.mar")
        registering = TaskGroup().start(server.register(f"url={site.url}/slow.mar"), "register")
        await site.begun.wait()
        assert len(stored(server)) == 3
        registering.cancel()
        await asyncio.wait([registering])
        await server.host.stop()
        assert stored(server) == STORE

    serve_remote(scenario)


def test_a_downloaded_model_comes_back_from_its_file_after_a_restart(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    settings = make_settings(allowed_urls=EVERYTHING)

    async def main() -> None:
        async with upstream() as site:
            url = f"{site.url}/remote-noop.mar"
            site.files["/remote-noop.mar"] = archive(tmp_path, "remote-noop").read_bytes()
            async with serving(home, settings, FakeLauncher()) as server:
                assert (await server.register(f"url={url}")).status == 200
            async with serving(home, settings, FakeLauncher()) as server:
                (found,) = await server.describe("remote-noop")
                assert found["modelUrl"] == url
                assert site.asked == ["/remote-noop.mar"]
                await server.manage("DELETE", "/models/remote-noop")
                assert stored(server) == []

    asyncio.run(main())


def test_a_tar_and_a_folder_are_registered_like_archives(serve: Serve, tmp_path: Path) -> None:
    async def scenario(server: Server) -> None:
        for name in ("from-tar", "from-directory"):
            unpack(archive(tmp_path, name), tmp_path / name)
        with tarfile.open(server.store / "noop.tar.gz", "w:gz") as tar:
            tar.add(tmp_path / "from-tar", "noop")
        shutil.copytree(tmp_path / "from-directory", server.store / "noop-directory")

        assert (await server.register("url=noop.tar.gz")).text == registered("from-tar")
        assert (await server.register("url=noop-directory")).text == registered("from-directory")
        assert (await server.manage("GET", "/models")).json["models"] == [
            {"modelName": "from-directory", "modelUrl": "noop-directory"},
            {"modelName": "from-tar", "modelUrl": "noop.tar.gz"},
        ]
        for name in ("from-tar", "from-directory"):
            assert (await server.manage("DELETE", f"/models/{name}")).status == 200
        assert stored(server) == [STORE[0], STORE[1], "noop-directory", "noop.tar.gz"]

    serve(scenario)


def test_a_setting_that_opens_this_machine_is_named_at_the_start(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(_server: Server) -> None:
        assert "file://.*, http(s)?://.*" in caplog.text

    serve(scenario, allowed_urls=EVERYTHING)
