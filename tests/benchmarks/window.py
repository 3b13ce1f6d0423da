"""How fast the window is with 1,000 models of 3 versions, each row changing once a second: `make bench-window`.

The whole window over a simulated engine. Prints one line per way of looking at the table: how long a slice of a
refresh holds the loop and what a frame of scrolling takes, both in processor time, so that a busy machine says the
same; then in real time how late the loop comes back and how many frames were painted before the next was due; and what
the window costs when nothing happens. Run it with a display of its own (Xvfb) or with QT_QPA_PLATFORM=offscreen.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication
from qasync import QEventLoop  # type: ignore[import-untyped]  # it has no stubs

from engine.tasks import TaskGroup
from gui.garbage import collected_here
from gui.refresh import Refresher
from gui.theme import Theme
from gui.window import Window
from tests.benchmarks.simulated import Simulated
from tests.gui.fakes import FakeHost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MODELS = int(os.environ.get("MARINA_BENCH_MODELS", "1000"))
SECONDS = float(os.environ.get("MARINA_BENCH_SECONDS", "8"))
STEPS_A_SECOND = 40
FRAME = 1 / 60
SCROLLED = 23  # pixels a frame
QUEUE_COLUMN = 4
MS = 1000
SLICE, FRAMES = "slice p50   p99   max", "frame p50   p99"


class Figures(NamedTuple):
    """What one way of looking at the table measured, in milliseconds but for the shares."""

    way: str
    slices: Sequence[float]
    late: Sequence[float]
    frames: Sequence[float]
    after: Sequence[float]
    pull: float
    cpu: float


class Slices:
    """Notes how long each piece of a refresh holds the loop, with everything that hears of its end."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        for name in ("_begin", "_show_slice"):
            setattr(Refresher, name, self._timed(getattr(Refresher, name)))

    def _timed(self, piece: Callable[..., None]) -> Callable[..., None]:
        def timed(*args: Any) -> None:
            started = time.thread_time()
            piece(*args)
            self.taken.append((time.thread_time() - started) * MS)

        return timed


async def serve(engine: Simulated) -> None:
    """Let each version change once a second, a few at a time."""
    step = len(engine.versions) // STEPS_A_SECOND
    while True:
        engine.serve(step)
        await asyncio.sleep(1 / STEPS_A_SECOND)


async def watch(late: list[float]) -> None:
    """Note how much later than asked for the loop comes back."""
    while True:
        started = time.perf_counter()
        await asyncio.sleep(0.005)
        late.append(max(0.0, time.perf_counter() - started - 0.005) * MS)


async def scroll(window: Window, seconds: float) -> tuple[list[float], list[float]]:
    """Scroll up and down; what each frame took, and how long after it was due it was painted."""
    bar = window.browser.table.verticalScrollBar()
    frames: list[float] = []
    after: list[float] = []
    started = due = time.perf_counter()
    step = SCROLLED
    while due < started + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        begun = time.thread_time()
        bar.setValue(bar.value() + step)
        QApplication.sendPostedEvents(None, QEvent.Type.UpdateRequest.value)
        frames.append((time.thread_time() - begun) * MS)
        done = time.perf_counter()
        after.append((done - due) * MS)
        if bar.value() in {bar.minimum(), bar.maximum()}:
            step = -step
        due = max(due + FRAME, done - FRAME)
    return frames, after


async def look(window: Window, engine: Simulated, slices: Slices, way: str) -> Figures:
    """Measure one way of looking at the table while everything changes."""
    late: list[float] = []
    slices.taken.clear()
    window.browser.choose("model-0500", None)
    process = psutil.Process()
    tasks = TaskGroup()
    tasks.start(serve(engine), "serve")
    tasks.start(watch(late), "watch")
    process.cpu_percent()
    await asyncio.sleep(SECONDS / 2)
    cpu = process.cpu_percent()
    place = window.browser.table.verticalScrollBar().value()
    await asyncio.sleep(SECONDS / 4)
    assert window.browser.table.verticalScrollBar().value() == place, "the table scrolled by itself"
    frames, after = await scroll(window, SECONDS)
    await tasks.aclose()
    chosen = window.browser.current()
    assert chosen is not None, "the selection got lost"
    assert chosen[0].name == "model-0500", "something else is selected"
    engine.serve(len(engine.versions))
    started = time.thread_time()
    window.refresher.pull()
    return Figures(way, list(slices.taken), late, frames, after, (time.thread_time() - started) * MS, cpu)


async def idle_cpu() -> float:
    """Percent of one core with nothing happening; the graphs of what happened before run out first."""
    await asyncio.sleep(SECONDS)
    process = psutil.Process()
    process.cpu_percent()
    await asyncio.sleep(SECONDS)
    return process.cpu_percent()


async def measure(window: Window, host: FakeHost, engine: Simulated, slices: Slices) -> list[Figures]:
    """Look at the table in each way."""
    window.show()
    await host.start()
    window.show_running()
    header = window.browser.table
    idle = await idle_cpu()
    memory = psutil.Process().memory_info().rss
    figures = []
    for way, column, is_open in (
        ("all open, by name", 0, True),
        ("all closed, by name", 0, False),
        ("all open, by queue", QUEUE_COLUMN, True),
        ("all closed, by queue", QUEUE_COLUMN, False),
    ):
        header.sortByColumn(column, Qt.SortOrder.DescendingOrder if column else Qt.SortOrder.AscendingOrder)
        header.expand_all() if is_open else header.collapse_all()
        figures.append(await look(window, engine, slices, way))
    report(figures)
    grown = psutil.Process().memory_info().rss - memory
    say(f"idle {idle:.1f} % of a core; grown by {grown / 1e6:.0f} MB in {4 * 2 * SECONDS:.0f} s")
    await window.aclose()
    return figures


def percentile(values: Sequence[float], share: int) -> float:
    """The value that so many percent keep within."""
    return statistics.quantiles(values, n=100)[share - 1]


def report(figures: Sequence[Figures]) -> None:
    """Print one line per way of looking."""
    say(f"{MODELS} models of 3 versions, {QApplication.platformName()}, {os.cpu_count()} cores; milliseconds")
    say(f"{'':22}{SLICE:>24}{FRAMES:>18}{'pull':>7} |{'late p99   max':>15}{'in time':>9}{'CPU':>6}")
    for way, slices, late, frames, after, pull, cpu in figures:
        within = 100 * sum(frame < FRAME * MS for frame in after) / len(after)
        say(
            f"{way:22}{statistics.median(slices):12.1f}{percentile(slices, 99):6.1f}{max(slices):6.1f}"
            f"{statistics.median(frames):12.1f}{percentile(frames, 99):6.1f}{pull:7.0f} |"
            f"{percentile(late, 99):9.1f}{max(late):6.1f}{within:7.1f} %{cpu:4.0f} %"
        )


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    app = QApplication(sys.argv)
    loop = QEventLoop(app)
    asyncio.set_event_loop(loop)
    slices, engine = Slices(), Simulated(MODELS)
    host = FakeHost(engine)
    with collected_here():
        loop.run_until_complete(measure(Window(host, Theme(app)), host, engine, slices))
    loop.close()


if __name__ == "__main__":
    main()
