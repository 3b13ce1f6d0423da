"""How fast the window is with 1,000 models of 3 versions, each row changing once a second: `make bench-window`.

The whole window over a simulated engine. Prints one line per way of looking at the table: how long a slice of a
refresh or of a sort holds the loop and what a frame of scrolling takes, both in processor time, so that a busy machine
says the same; then in real time how late the loop comes back and how many frames were painted before the next was due;
what a refresh costs with everything selected; and what the window costs when nothing happens, with many models and with
few. What is over its goal is marked with a cross. Run it with a display of its own (Xvfb) or with
QT_QPA_PLATFORM=offscreen.
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

from engine.tasks import TaskGroup
from gui.commands import Commands
from gui.garbage import collected_here
from gui.loop import Loop
from gui.refresh import Refresher
from gui.tables.outline import Outline
from gui.theme import Theme
from gui.window import Window
from tests.benchmarks.simulated import Simulated
from tests.gui.fakes import FakeHost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FEW = 5
MODELS = int(os.environ.get("MARINA_BENCH_MODELS", "1000"))
SECONDS = float(os.environ.get("MARINA_BENCH_SECONDS", "8"))
STEPS_A_SECOND = 40
FRAME = 1 / 60
SCROLLED = 23  # pixels a frame
QUEUE_COLUMN = 4
COLUMN_BEFORE = 8  # memory
MS = 1000
IDLE_SECONDS = 20
# What each figure is to keep within: milliseconds, and percent of a core.
SLICE_GOAL, FRAME_GOAL, ENABLE_GOAL, IDLE_GOAL = 8.0, FRAME * MS, 2.0, 1.0
HEADS = ("slice p50", "p99", "max", "sort max", "frame p50", "p99", "late p99", "max", "in time", "CPU")


class Figures(NamedTuple):
    """What one way of looking at the table measured, in milliseconds but for the shares."""

    way: str
    slices: Sequence[float]
    sorts: Sequence[float]
    late: Sequence[float]
    frames: Sequence[float]
    after: Sequence[float]
    cpu: float


class Slices:
    """Notes how long each piece of some work holds the loop, with everything that hears of its end."""

    def __init__(self, owner: type, *pieces: str) -> None:
        self.taken: list[float] = []
        for name in pieces:
            setattr(owner, name, self._timed(getattr(owner, name)))

    def _timed(self, piece: Callable[..., None]) -> Callable[..., None]:
        def timed(*args: Any, **named: Any) -> None:
            started = time.thread_time()
            piece(*args, **named)
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


async def sort(window: Window, sorts: Slices, column: int) -> list[float]:
    """Click a title until the table is sorted by its column, from another; returns what each piece took."""
    table, order = window.browser.table, Qt.SortOrder.DescendingOrder if column else Qt.SortOrder.AscendingOrder
    sorts.taken.clear()
    for each in (COLUMN_BEFORE, column):
        table.sortByColumn(each, order)
        await asyncio.sleep(1)
    return list(sorts.taken)


async def look(window: Window, engine: Simulated, slices: Slices, way: str, sorts: Sequence[float]) -> Figures:
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
    return Figures(way, list(slices.taken), sorts, late, frames, after, cpu)


async def select_all(window: Window, engine: Simulated, enabled: Slices) -> float:
    """What it takes to tell which actions can be used, at a refresh with every row selected; the worst of some."""
    window.browser.table.selectAll()
    enabled.taken.clear()
    for _ in range(5):
        engine.serve(len(engine.versions) // 4)
        await shown(window)
    return max(enabled.taken)


async def idle(theme: Theme, models: int) -> float:
    """Percent of one core, in processor time, that a window with so many models costs with nothing happening."""
    host = FakeHost(Simulated(models))
    window = Window(host, theme)
    await come_up(window, host)
    await asyncio.sleep(SECONDS / 2)
    started = time.process_time()
    await asyncio.sleep(IDLE_SECONDS)
    taken = time.process_time() - started
    await window.aclose()
    window.hide()
    window.deleteLater()
    return 100 * taken / IDLE_SECONDS


async def come_up(window: Window, host: FakeHost) -> None:
    """Show a window with everything in it."""
    window.show()
    await host.start()
    window.show_running()
    await shown(window)


async def shown(window: Window) -> None:
    """Wait until a look at the engine is shown."""
    done = asyncio.get_running_loop().create_future()
    window.refresher.pull(then=lambda: done.set_result(None))
    await done


async def measure(theme: Theme) -> None:
    """Look at the table in each way, then at windows in which nothing happens."""
    slices = Slices(Refresher, "_begin", "_show_slice")
    sorts, enabled = Slices(Outline, "sort", "_sort_on"), Slices(Commands, "enable")
    engine = Simulated(MODELS)
    host = FakeHost(engine)
    window = Window(host, theme)
    await come_up(window, host)
    start = max(slices.taken)
    header = window.browser.table
    figures = []
    for way, column, is_open in (
        ("all open, by name", 0, True),
        ("all closed, by name", 0, False),
        ("all open, by queue", QUEUE_COLUMN, True),
        ("all closed, by queue", QUEUE_COLUMN, False),
    ):
        header.expand_all() if is_open else header.collapse_all()
        figures.append(await look(window, engine, slices, way, await sort(window, sorts, column)))
    report(figures)
    say(f"the longest slice of coming up with all of it: {kept(start, SLICE_GOAL)} ms")
    chosen = await select_all(window, engine, enabled)
    say(f"which actions can be used, told with every row selected: {kept(chosen, ENABLE_GOAL)} ms")
    await window.aclose()
    window.hide()
    window.deleteLater()
    for models in (FEW, MODELS):
        say(f"{models} models, nothing happens: {kept(await idle(theme, models), IDLE_GOAL)} % of a core")


def percentile(values: Sequence[float], share: int) -> float:
    """The value that so many percent keep within."""
    return statistics.quantiles(values, n=100)[share - 1]


def report(figures: Sequence[Figures]) -> None:
    """Print one line per way of looking."""
    say(f"{MODELS} models of 3 versions, {QApplication.platformName()}, {os.cpu_count()} cores; milliseconds")
    say(f"{'':22}" + "".join(f"{head:>11}" for head in HEADS))
    for way, slices, sorts, late, frames, after, cpu in figures:
        within = 100 * sum(frame < FRAME * MS for frame in after) / len(after)
        said = (
            f"{statistics.median(slices):.1f}",
            kept(percentile(slices, 99), SLICE_GOAL),
            f"{max(slices):.1f}",
            kept(max(sorts), SLICE_GOAL),
            f"{statistics.median(frames):.1f}",
            kept(percentile(frames, 99), FRAME_GOAL),
            f"{percentile(late, 99):.1f}",
            f"{max(late):.1f}",
            f"{within:.1f} %",
            f"{cpu:.0f} %",
        )
        say(f"{way:22}" + "".join(f"{each:>11}" for each in said))


def kept(value: float, goal: float) -> str:
    """Say a figure, with a mark for whether it is within its goal."""
    return f"{'✓' if value < goal else '✗'} {value:.1f}"


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    app = QApplication(sys.argv)
    app.setQuitOnLastWindowClosed(False)
    with Loop(app) as loop, collected_here():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(measure(Theme(app)))


if __name__ == "__main__":
    main()
