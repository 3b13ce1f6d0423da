"""Archives that appear in the model store: offered when whole and settled, and only those that others put there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.offers import Offers
from engine.threads import Threads
from tests.support.archives import archive
from tests.support.loops import real_time


@dataclass
class Bench:
    """A watched store."""

    store: Path
    offers: Offers
    used: set[str]
    told: list[tuple[str, ...]] = field(default_factory=list)

    async def look(self, times: int = 1) -> tuple[str, ...]:
        """Look so many times and return what is offered then."""
        for _ in range(times):
            await self.offers.look()
        return self.offers.names


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Bench]:
    store = folder / "store"
    store.mkdir()
    archive(store, "old")
    threads, used = Threads("test-disk", 2), set[str]()
    bench = Bench(store, Offers(store, threads, used.__contains__, lambda: bench.told.append(bench.offers.names)), used)
    try:
        await bench.look()
        yield bench
    finally:
        threads.close()


@real_time
async def test_what_is_new_settled_and_whole_is_offered(tmp_path: Path) -> None:
    async with watching(tmp_path) as at:
        assert await at.look(2) == ()
        archive(at.store, "new")
        assert await at.look() == ()
        assert await at.look() == ("new-1.0.mar",)
        assert await at.look(3) == ("new-1.0.mar",)
        assert at.told == [("new-1.0.mar",)]


@real_time
async def test_what_still_grows_or_is_damaged_is_not(tmp_path: Path) -> None:
    async with watching(tmp_path) as at:
        content = archive(tmp_path, "slow").read_bytes()
        for end in range(1, 4):
            (at.store / "slow.mar").write_bytes(content[: end * 20])
            assert await at.look() == ()
        assert await at.look(2) == ()
        (at.store / "slow.mar").write_bytes(content)
        assert await at.look(2) == ("slow.mar",)


@real_time
async def test_what_is_used_ours_hidden_or_no_archive_is_not(tmp_path: Path) -> None:
    async with watching(tmp_path) as at:
        for name in ("used", "ours", ".hidden"):
            archive(at.store, name)
        (at.store / "notes.txt").write_text("x")
        (at.store / "folder.mar").mkdir()
        (at.store / "link.mar").symlink_to(archive(tmp_path, "elsewhere"))
        at.used.add("used-1.0.mar")
        at.offers.claim("ours-1.0.mar")
        assert await at.look(3) == ()
        at.used.clear()
        assert await at.look(3) == ()
        assert at.told == []


@real_time
async def test_one_that_is_declined_registered_or_removed_is_offered_no_more(tmp_path: Path) -> None:
    async with watching(tmp_path) as at:
        names = [archive(at.store, name).name for name in "abc"]
        assert await at.look(2) == tuple(names)
        at.offers.decline(names[0])
        at.used.add(names[1])
        (at.store / names[2]).unlink()
        assert await at.look(2) == ()
        archive(at.store, "a", version="1.0", files={"more": b"x"})
        assert await at.look(2) == (names[0],)


@real_time
async def test_a_store_that_cannot_be_read_is_no_news(tmp_path: Path) -> None:
    async with watching(tmp_path) as at:
        at.store.rename(tmp_path / "away")
        assert await at.look(2) == ()
        (tmp_path / "away").rename(at.store)
        assert await at.look(2) == ()
