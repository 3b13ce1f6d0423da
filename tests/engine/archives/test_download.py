"""Downloading an archive into the model store, from a server on loopback: whole and checked, or nothing at all."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.archives import connecting, incoming, receiving, sources
from engine.archives.connecting import Route, Routes, look_up
from engine.archives.download import Downloader, Wish
from engine.archives.urls import judge
from engine.errors import ArchiveNotFoundError, ConflictError, DownloadError, InvalidArchiveError
from engine.snapshots import Progress
from engine.tasks import TaskGroup
from engine.threads import Threads
from tests.support.archives import archive
from tests.support.loops import real_time
from tests.support.ports import closed_port
from tests.support.upstream import Upstream, upstream

EVERYTHING = ("file://.*", "http(s)?://.*")
PUBLIC = "93.184.216.34"


@dataclass(frozen=True)
class Bench:
    """A downloader into an empty store, and the server that it asks, which has `/noop.mar`."""

    site: Upstream
    store: Path
    threads: Threads
    noop: bytes

    def downloader(self, allowed: tuple[str, ...] | None = EVERYTHING, *answers: list[str]) -> Downloader:
        """Return one; `answers` are what the name server says, one answer after the other."""
        lookup = self._answering([*answers]) if answers else None
        return Downloader(allowed, self.store, self.threads, lookup=lookup)

    @staticmethod
    def _answering(answers: list[list[str]]) -> Callable[[str, int], Awaitable[list[str]]]:
        async def look_up_next(_host: str, _port: int) -> list[str]:
            return answers.pop(0)

        return look_up_next

    async def fetch(self, path: str) -> Path:
        return await self.downloader().fetch(Wish(self.site.url + path))

    async def fails(self, path: str) -> None:
        """Require that this cannot be downloaded, and that nothing of it is left."""
        with pytest.raises(DownloadError) as failure:
            await self.fetch(path)
        assert str(failure.value) == f"Failed to download archive from: {self.site.url}{path}"
        assert self.left() == []

    def left(self) -> list[str]:
        return sorted(path.name for path in self.store.iterdir())


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    store = folder / "store"
    store.mkdir()
    noop = archive(folder).read_bytes()
    threads = Threads("test-disk", 2)
    try:
        async with upstream() as site:
            site.files["/noop.mar"] = noop
            yield Bench(site, store, threads, noop)
    finally:
        threads.close()


@real_time
async def test_a_download_lies_in_the_store_under_the_last_component_of_its_path(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.site.files["/models/v1/noop.mar"] = at.noop
        path = await at.fetch("/models/v1/noop.mar?token=x")

        assert path == at.store / "noop.mar"
        assert path.read_bytes() == at.noop
        assert at.left() == ["noop.mar"]


@real_time
async def test_progress_counts_the_bytes(tmp_path: Path) -> None:
    steps: list[Progress] = []
    async with bench(tmp_path) as at:
        await at.downloader().fetch(Wish(f"{at.site.url}/noop.mar"), steps.append)

        assert steps[-1] == Progress("downloading", len(at.noop), len(at.noop))


@real_time
async def test_a_file_elsewhere_is_copied_and_stays(tmp_path: Path) -> None:
    steps: list[Progress] = []
    async with bench(tmp_path) as at:
        there = archive(tmp_path, "a b")
        path = await at.downloader().fetch(Wish(there.as_uri()), steps.append)

        assert path == at.store / "a b-1.0.mar"
        assert path.read_bytes() == there.read_bytes()
        assert steps[-1] == Progress("downloading", there.stat().st_size, there.stat().st_size)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO here")
@real_time
async def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        os.mkfifo(tmp_path / "pipe.mar")
        (tmp_path / "folder.mar").mkdir()
        for place in (tmp_path / "pipe.mar", tmp_path / "folder.mar", tmp_path / "no.mar", Path("/dev/zero")):
            with pytest.raises(DownloadError, match=f"Failed to download archive from: {place.as_uri()}"):
                await at.downloader().fetch(Wish(place.as_uri()))
        assert at.left() == []


@real_time
async def test_a_name_that_is_taken_is_never_overwritten(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        (at.store / "noop.mar").write_bytes(b"mine")
        with pytest.raises(ConflictError, match=r"^Model file already exists noop\.mar$"):
            await at.fetch("/noop.mar")

        assert (at.store / "noop.mar").read_bytes() == b"mine"
        assert at.left() == ["noop.mar"]
        assert at.site.asked == []


@real_time
async def test_of_two_downloads_to_one_name_one_gets_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        found = await asyncio.gather(*(at.fetch("/noop.mar") for _ in range(4)), return_exceptions=True)

        assert sorted(type(one).__name__ for one in found)[:3] == ["ConflictError"] * 3
        assert at.left() == ["noop.mar"]
        assert (at.store / "noop.mar").read_bytes() == at.noop


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_what_is_no_archive_never_gets_its_name(tmp_path: Path, content: bytes) -> None:
    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            at.site.files["/x.mar"] = content
            with pytest.raises(InvalidArchiveError, match=r"^x\.mar "):
                await at.fetch("/x.mar")
            assert at.left() == []

    scenario()


@pytest.mark.parametrize("path", ["/missing.mar", "/status/500/x.mar", "/status/403/x.mar", "/status/204/x.mar"])
def test_any_answer_but_200_is_a_failure(tmp_path: Path, path: str) -> None:
    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            await at.fails(path)

    scenario()


@real_time
async def test_a_closed_port_and_an_unknown_host_are_failures(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        with closed_port() as closed:
            urls = (f"{closed}/x.mar", "http://no-such-host.invalid/x.mar", f"http://{'x' * 70}.invalid/x.mar")
            for url in urls:
                with pytest.raises(DownloadError, match=f"^Failed to download archive from: {url}$"):
                    await at.downloader().fetch(Wish(url))
        assert at.left() == []


@real_time
async def test_a_source_without_tls_cannot_pass_for_one_with_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        with pytest.raises(DownloadError):
            await at.downloader().fetch(Wish(f"https://127.0.0.1:{at.site.port}/noop.mar"))


@real_time
async def test_too_large_is_refused_whether_the_length_is_told_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MAX_SIZE", 100)
    async with bench(tmp_path) as at:
        await at.fails("/noop.mar")
        at.site.headers["Transfer-Encoding"] = "chunked"
        await at.fails("/noop.mar")
        with pytest.raises(DownloadError):
            await at.downloader().fetch(Wish(archive(tmp_path).as_uri()))


@real_time
async def test_the_disk_is_not_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MIN_FREE", 2**62)
    async with bench(tmp_path) as at:
        await at.fails("/noop.mar")


@real_time
async def test_a_source_that_falls_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(receiving, "PAUSES", (0.001,))
    async with bench(tmp_path) as at:
        at.site.endless.add("/slow.mar")
        await at.fails("/slow.mar")


@real_time
async def test_a_source_that_trickles_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "TOTAL_SECONDS", 0.05)
    async with bench(tmp_path) as at:
        at.site.endless.add("/slow.mar")
        await at.fails("/slow.mar")


@real_time
async def test_a_length_that_lies_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "PAUSES", (0.001, 0.001))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nPK")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with bench(tmp_path) as at, await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DownloadError):
            await at.downloader().fetch(Wish(f"http://127.0.0.1:{port}/x.mar"))
        assert at.left() == []


@real_time
async def test_what_is_compressed_on_the_way_is_not_unpacked(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.site.headers["Content-Encoding"] = "gzip"
        path = await at.fetch("/noop.mar")

        assert path.read_bytes() == at.noop


@real_time
async def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.site.endless.add("/slow.mar")
        fetching = TaskGroup().start(at.fetch("/slow.mar"), "fetch")
        await at.site.begun.wait()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching

        assert at.left() == []


@real_time
async def test_cancelling_as_the_archive_gets_its_name_takes_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, named, cancelled = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def take_and_wait(copied: Path, target: Path) -> None:
        sources.take_name(copied, target)
        loop.call_soon_threadsafe(named.set)
        cancelled.wait(5)

    monkeypatch.setattr(incoming, "take_name", take_and_wait)
    async with bench(tmp_path) as at:
        fetching = TaskGroup().start(at.fetch("/noop.mar"), "fetch")
        await named.wait()
        fetching.cancel()
        loop.call_soon(cancelled.set)
        with pytest.raises(asyncio.CancelledError):
            await fetching

        assert at.left() == []


@real_time
async def test_redirects_are_followed_three_times_at_most(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.site.moved |= {"/3.mar": "/2.mar", "/2.mar": f"{at.site.url}/1", "/1": "noop.mar", "/4.mar": "/3.mar"}
        assert (await at.fetch("/3.mar")).name == "3.mar"
        (at.store / "3.mar").unlink()
        await at.fails("/4.mar")


@pytest.mark.parametrize(
    "target",
    ["file:///etc/hostname", "ftp://h/x.mar", "http://user@127.0.0.1/x.mar", "/a/../x.mar", "http://[::1", "", "//h/x"],
)
def test_a_redirect_is_judged_like_any_url(tmp_path: Path, target: str) -> None:
    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            at.site.moved["/x.mar"] = target
            allowed = ("file://.*", r"http://[^/]*127\.0\.0\.1.*")
            with pytest.raises(DownloadError) as failure:
                await at.downloader(allowed).fetch(Wish(f"{at.site.url}/x.mar"))
            assert str(failure.value) == f"Failed to download archive from: {at.site.url}/x.mar"
            assert at.left() == []

    scenario()


@pytest.mark.parametrize(
    ("url", "target", "step"),
    [
        ("https://127.0.0.1/x.mar", "http://127.0.0.1/x.mar", "https to http"),
        ("http://127.0.0.1/x.mar", "file:///etc/hostname", "http to file"),
    ],
)
def test_a_redirect_leads_to_no_weaker_scheme(tmp_path: Path, url: str, target: str, step: str) -> None:
    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            with pytest.raises(OSError, match=f"a redirect from {step}"):
                await Routes(EVERYTHING, at.threads).follow(judge(url, EVERYTHING), target)

    scenario()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "0",
        "localhost",
        "169.254.169.254",
        "10.1.2.3",
    ],
)
def test_without_the_setting_only_public_addresses_are_connected_to(tmp_path: Path, host: str) -> None:
    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            url = f"http://{host}:{at.site.port}/noop.mar"
            with pytest.raises(ArchiveNotFoundError) as refusal:
                await at.downloader(None).fetch(Wish(url))
            assert str(refusal.value).startswith(f"Given URL {url} does not match any allowed URL(s). ")
            assert "allowed_urls" in str(refusal.value)
            assert at.site.asked == []
            assert at.left() == []

    scenario()


@pytest.mark.parametrize("addresses", [["10.0.0.1"], [PUBLIC, "127.0.0.1"]])
def test_a_name_that_leads_inside_is_refused(tmp_path: Path, addresses: list[str]) -> None:
    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            with pytest.raises(ArchiveNotFoundError, match="allowed_urls"):
                await at.downloader(None, addresses).fetch(Wish("https://models.example/noop.mar"))

    scenario()


def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Let the server stand for the public address; returns the lists of addresses that were to be connected to."""
    session, connected = connecting.open_session, []

    def to_the_server(route: Route) -> object:
        connected.append(route.addresses)
        return session(Route(["127.0.0.1"]))

    monkeypatch.setattr(connecting, "is_public", lambda address: address == PUBLIC)
    monkeypatch.setattr(connecting, "open_session", to_the_server)
    return connected


@real_time
async def test_a_public_host_is_looked_up_once_and_connected_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as at:
        connected = stand_in(monkeypatch)
        downloader = at.downloader(None, [PUBLIC], ["127.0.0.1"])
        path = await downloader.fetch(Wish(f"http://models.example:{at.site.port}/noop.mar"))

        assert path.read_bytes() == at.noop
        assert connected == [[PUBLIC]]


@real_time
async def test_a_redirect_from_a_public_host_to_loopback_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as at:
        stand_in(monkeypatch)
        at.site.moved["/x.mar"] = f"{at.site.url}/noop.mar"
        with pytest.raises(DownloadError):
            await at.downloader(None, [PUBLIC], ["127.0.0.1"]).fetch(
                Wish(f"http://models.example:{at.site.port}/x.mar")
            )

        assert at.site.asked == ["/x.mar"]
        assert at.left() == []


@real_time
async def test_looking_up_a_number_asks_nobody() -> None:
    assert await look_up("127.0.0.1", 80) == ["127.0.0.1"]
