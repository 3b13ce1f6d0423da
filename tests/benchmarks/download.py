"""A large archive over a throttled connection that breaks once: `make download`. Its server is another process.

It says how much memory the download took, how late the loop was, whether progress only grew, and how soon a cancel took
effect; the exit code tells whether all of it is as good as it must be. The loop is the window's: Qt's, with qasync.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from PySide6.QtWidgets import QApplication

from engine.archives.manifest import MANIFEST_NAME
from engine.errors import CancelledActError
from engine.host import Host
from engine.registration import Registration
from engine.snapshots import Progress
from engine.tasks import TaskGroup
from gui.garbage import collected_here
from gui.loop import Loop
from tests.support.archives import NOOP, archive
from tests.support.loop_watch import Call, watched_loop
from tests.support.ranged import ranged
from tests.support.servers import make_home, make_settings

MIB = 1024**2
MEMORY = 32 * MIB
LATE = 0.05
CANCEL = 0.5
TICK = 0.01


@dataclass
class Watch:
    """What is seen while something goes on: the largest memory, steps of progress, how late the loop came back."""

    memory: int = 0
    late: list[float] = field(default_factory=list)
    steps: list[Progress] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    @contextmanager
    def look(self) -> Iterator[None]:
        process, over = psutil.Process(), threading.Event()
        before = process.memory_info().rss

        def sample() -> None:
            while not over.wait(0.05):
                self.memory = max(self.memory, process.memory_info().rss - before)

        sampler, tasks = threading.Thread(target=sample), TaskGroup()
        sampler.start()
        ticking = tasks.start(self._tick(), "tick")
        try:
            with watched_loop() as self.calls:
                yield
        finally:
            ticking.cancel()
            over.set()
            sampler.join()

    async def _tick(self) -> None:
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            self.late.append(time.perf_counter() - due)


def make_archive(path: Path, size: int) -> None:
    """Write an archive of about `size` bytes that nothing compresses."""
    manifest = '{"model": {"modelName": "%s", "modelVersion": "1.0", "handler": "service.py"}}' % path.stem  # noqa: UP031 - braces
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as zipped:
        zipped.writestr(MANIFEST_NAME, manifest)
        zipped.writestr("service.py", NOOP)
        with zipped.open("weights.bin", "w", force_zip64=True) as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))


def serve(path: Path, rate: float, cuts: list[int], channel: Connection) -> None:
    """Serve a file until the channel closes; a process of its own."""

    async def main() -> None:
        async with ranged(path) as site:
            site.rate, site.cuts = rate, cuts
            channel.send(site.url)
            while (await asyncio.to_thread(channel.recv)) is not None:
                channel.send((len(site.asked), site.sent))

    asyncio.run(main())


@contextmanager
def server(path: Path, rate: float, cuts: list[int]) -> Iterator[Connection]:
    """Run `serve`; the channel gives its URL first, and then, when asked, how many requests and bytes there were."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(path, rate, cuts, there))
    process.start()
    try:
        yield here
    finally:
        here.send(None)
        process.join()


async def measure(folder: Path, given: argparse.Namespace) -> list[tuple[str, str, bool]]:
    """Return what was measured: a name, the figure, whether it is good enough."""
    big = folder / "big.mar"
    await asyncio.to_thread(make_archive, big, given.size * MIB)
    size, home = big.stat().st_size, make_home(folder)
    settings = make_settings(allowed_urls=("http://.*",), download_cache_size=0, record=False)
    host = Host(settings, home)
    await host.start()
    try:
        with server(archive(folder, "small"), 1e9, []) as small:
            await host.engine.register(Registration(await asyncio.to_thread(small.recv), initial_workers=0))
        with server(big, given.rate * MIB, [size * 2 // 5]) as channel:
            url = await asyncio.to_thread(channel.recv)
            await host.engine.unregister("small")
            watch = Watch()
            began = time.perf_counter()
            with watch.look():
                await host.engine.register(Registration(url, initial_workers=0), watch.steps.append)
            seconds = time.perf_counter() - began
            channel.send("how many")
            asked, sent = await asyncio.to_thread(channel.recv)
            await host.engine.unregister("big")
            late = await cancel(host, url)
        left = [path.name for path in home.model_store.iterdir()]
    finally:
        await host.stop()
    told = [step.done for step in watch.steps if step.phase == "downloading"]
    slow = max(watch.calls, key=lambda call: call.cpu)
    waited = max(watch.late)
    return [
        ("archive", f"{size / MIB:.0f} MiB in {seconds:.1f} s, {asked} requests, {sent / MIB:.0f} MiB sent", asked > 1),
        ("memory", f"{watch.memory / MIB:.1f} MiB more at most", watch.memory < MEMORY),
        ("loop", f"longest callback {slow.cpu * 1000:.1f} ms of processor: {slow.what[:90]}", slow.cpu < LATE),
        (
            "late",
            f"{waited * 1000:.1f} ms at most, {_share(watch.late):.2f} % over 50 ms; load {os.getloadavg()[0]:.1f}",
            waited < LATE or os.getloadavg()[0] > (os.cpu_count() or 1),
        ),
        ("progress", f"{len(told)} steps", told == sorted(told) and told[-1] == size),
        ("cancel", f"{late * 1000:.0f} ms", late < CANCEL),
        ("left", f"{left or 'nothing'}", not left),
    ]


async def cancel(host: Host, url: str) -> float:
    """Return the seconds from cancelling a download that has come some way to its end."""
    tasks, come = TaskGroup(lambda _name, _error: None), asyncio.Event()

    def look(step: Progress) -> None:
        if step.done > 20 * MIB:
            come.set()

    registering = tasks.start(host.engine.register(Registration(url, initial_workers=0), look), "register")
    await come.wait()
    [act] = host.engine.acts()
    began = time.perf_counter()
    host.engine.cancel(act.id)
    try:
        await registering
    except CancelledActError:
        return time.perf_counter() - began
    raise AssertionError("it was not cancelled")


def _share(late: list[float]) -> float:
    return 100 * sum(one > LATE for one in late) / len(late)


def main() -> int:
    """Measure, print, and return 0 when everything is good enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=500, help="MiB")
    parser.add_argument("--rate", type=float, default=40.0, help="MiB per second")
    given = parser.parse_args()
    app = QApplication(sys.argv[:1])
    # The loop and the collecting of garbage that the window has.
    with tempfile.TemporaryDirectory() as folder, Loop(app) as loop, collected_here():
        found = loop.run_until_complete(measure(Path(folder), given))
    for name, figure, is_good in found:
        sys.stdout.write(f"{name:10}{figure}{'' if is_good else '   NOT GOOD ENOUGH'}\n")
    return 0 if all(is_good for *_, is_good in found) else 1


if __name__ == "__main__":
    sys.exit(main())
