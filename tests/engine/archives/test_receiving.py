"""A download whose connection breaks: taken up again where that is safe, begun again where it is not, never mixed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.archives import receiving
from engine.archives.download import Downloader, Wish
from engine.archives.download_cache import DownloadCache
from engine.errors import DownloadError, InvalidArchiveError
from engine.snapshots import Progress
from engine.tasks import TaskGroup
from engine.threads import Threads
from tests.support.archives import archive
from tests.support.loop_watch import watched_loop
from tests.support.loops import now, real_time, turn
from tests.support.ranged import Ranged, long_ago, ranged

EVERYTHING = ("http(s)?://.*",)
SIZE = 3 * 1024**2


@dataclass(frozen=True)
class Bench:
    """A downloader into an empty store, with a cache, and the server, which has an archive of some MiB."""

    site: Ranged
    downloader: Downloader
    store: Path
    steps: list[Progress] = field(default_factory=list)

    async def fetch(self, sha256: str | None = None) -> bytes:
        """Fetch the archive, look whether progress only grew, and take the archive out of the store."""
        self.steps.clear()
        path = await self.downloader.fetch(Wish(self.site.url, sha256=sha256), self.steps.append)
        content = path.read_bytes()
        told = [step.done for step in self.steps]
        assert told == sorted(told)
        assert self.steps[-1].done == self.steps[-1].total
        path.unlink()
        assert self.left() == []
        return content

    def left(self) -> list[str]:
        return sorted(path.name for path in self.store.iterdir())


def weighty(folder: Path, name: str = "big") -> bytes:
    """Return an archive of a little over SIZE bytes."""
    return archive(folder, name, files={"weights.bin": os.urandom(SIZE)}).read_bytes()


def begins(asked: Mapping[str, str]) -> int:
    return int(asked["Range"].removeprefix("bytes=").removesuffix("-"))


@asynccontextmanager
async def bench(folder: Path, limit: int = 0) -> AsyncIterator[Bench]:
    store, served = folder / "store", folder / "served"
    store.mkdir()
    served.write_bytes(weighty(folder))
    threads = Threads("test-disk", 2)
    try:
        async with ranged(served) as site:
            cache = DownloadCache(folder / "cache", limit)
            yield Bench(site, Downloader(EVERYTHING, store, threads, cache), store)
    finally:
        threads.close()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "PAUSES", (0.001, 0.002, 0.004))


@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {"Last-Modified": long_ago()}])
def test_a_cut_connection_is_taken_up_where_it_broke(tmp_path: Path, headers: dict[str, str]) -> None:
    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            at.site.headers, at.site.cuts = headers, [1_000_000, 1_100_000]
            assert await at.fetch() == at.site.file.read_bytes()
            first, second, third = at.site.asked
            assert "Range" not in first
            [validator] = headers.values()
            assert second["If-Range"] == third["If-Range"] == validator
            # What waits in a buffer when a connection breaks is lost, so it may go on a little earlier.
            assert 0 < begins(second) <= 1_000_000
            assert begins(second) < begins(third) <= 2_100_000

    scenario()


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}, {"ETag": 'W/"1"', "Last-Modified": long_ago()}])
def test_without_a_strong_validator_it_begins_again(tmp_path: Path, headers: dict[str, str]) -> None:
    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            at.site.headers, at.site.cuts = headers, [2_000_000, 100_000]
            assert await at.fetch() == at.site.file.read_bytes()
            assert not any("Range" in asked for asked in at.site.asked)

    scenario()


@real_time
async def test_a_server_without_ranges_begins_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.site.knows_ranges, at.site.cuts = False, [2_000_000]
        assert await at.fetch() == at.site.file.read_bytes()


@pytest.mark.parametrize("knows_if_range", [True, False])
@pytest.mark.parametrize("name", ["big", "another"])
def test_an_archive_that_changes_meanwhile_is_never_mixed(tmp_path: Path, name: str, *, knows_if_range: bool) -> None:
    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            changed = weighty(tmp_path, name)
            at.site.knows_if_range, at.site.cuts = knows_if_range, [2_000_000]
            at.site.on_cut = lambda: at.site.change(changed)
            assert await at.fetch() == changed

    scenario()


@real_time
async def test_a_file_that_got_shorter_than_what_came_begins_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.site.cuts = [2_000_000]
        at.site.on_cut = lambda: at.site.instead.append(416)
        assert await at.fetch() == at.site.file.read_bytes()
        assert "Range" not in at.site.asked[-1]


@real_time
async def test_busy_answers_on_the_way_are_waited_out_but_not_at_the_beginning(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.site.cuts = [2_000_000]
        at.site.on_cut = lambda: at.site.instead.extend([503, 502])
        assert await at.fetch() == at.site.file.read_bytes()

        at.site.instead = [503]
        with pytest.raises(DownloadError):
            await at.fetch()
        assert at.left() == []


@real_time
async def test_a_connection_that_breaks_again_and_again_is_given_up(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.site.cuts = [1000] * 100
        with pytest.raises(DownloadError):
            await at.fetch()
        assert len(at.site.asked) == 4
        assert at.left() == []


@real_time
async def test_one_that_gets_on_is_taken_up_as_often_as_it_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "HEADWAY", 100_000)
    monkeypatch.setattr(receiving, "PAUSES", (0.001,) * 8)
    monkeypatch.setattr("engine.archives.progress._STEP", 100_000)
    async with bench(tmp_path) as at:
        at.site.cuts = [600_000] * 12
        assert await at.fetch() == at.site.file.read_bytes()
        assert len(at.site.asked) > 5


@pytest.mark.alone
@pytest.mark.parametrize("when", ["on the way", "in a pause", "taken up again"])
def test_cancelling_takes_effect_at_once_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(receiving, "PAUSES", (60.0,) if when == "in a pause" else (0.001,))

    @real_time
    async def scenario() -> None:
        async with bench(tmp_path) as at:
            at.site.rate, cut = 2e6, asyncio.Event()
            at.site.on_cut = cut.set
            at.site.cuts = [] if when == "on the way" else [200_000]
            fetching = TaskGroup().start(at.fetch(), "fetch")
            if when != "on the way":
                await cut.wait()
            if when != "in a pause":
                await at.site.begun.wait()
            await turn(50)
            begun = now()
            fetching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetching
            assert now() - begun < 0.5
            assert at.left() == []

    scenario()


@pytest.mark.alone
@real_time
async def test_a_large_archive_holds_neither_the_loop_nor_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "SIZE", 24 * 1024**2)
    async with bench(tmp_path) as at:
        tracemalloc.start()
        try:
            with watched_loop() as calls:
                path = await at.downloader.fetch(Wish(at.site.url))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert path.stat().st_size > SIZE
        assert most < 12 * 1024**2
        assert max(call.cpu for call in calls) < 0.05


@real_time
async def test_an_archive_that_has_not_changed_is_not_fetched_again(tmp_path: Path) -> None:
    async with bench(tmp_path, limit=10**9) as at:
        content = await at.fetch()
        sent = at.site.sent
        assert await at.fetch() == content
        assert at.site.asked[-1]["If-None-Match"] == '"1"'
        assert at.site.sent == sent
        at.site.change(weighty(tmp_path, "another"))
        assert await at.fetch() == at.site.file.read_bytes() != content


@real_time
async def test_a_kept_archive_that_was_damaged_is_fetched_again(tmp_path: Path) -> None:
    async with bench(tmp_path, limit=10**9) as at:
        content = await at.fetch()
        [kept] = (tmp_path / "cache").glob("*.archive")
        kept.write_bytes(b"rubbish")
        assert await at.fetch() == content
        assert kept.read_bytes() == content


@real_time
async def test_nothing_is_kept_with_a_limit_of_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.fetch()
        await at.fetch()
        assert at.site.sent == 2 * at.site.file.stat().st_size
        assert not (tmp_path / "cache").exists()


@real_time
async def test_the_sha256_that_was_asked_for_is_checked(tmp_path: Path) -> None:
    async with bench(tmp_path, limit=10**9) as at:
        right = hashlib.sha256(at.site.file.read_bytes()).hexdigest()
        for _ in range(2):
            with pytest.raises(InvalidArchiveError, match=rf"big\.mar is not .* its sha256 is {right}, not {'0' * 64}"):
                await at.fetch("0" * 64)
            assert at.left() == []
            assert await at.fetch(right.upper()) == at.site.file.read_bytes()
