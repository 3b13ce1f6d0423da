"""How late the window's loop is while 16 clients load the engine inside: a part of `make bench-window`.

The whole of Marina with a model that answers at once and two workers, asked by a process of its own. For each way to
look at the window one line: requests a second, and by how many milliseconds a precise timer of 5 ms comes late. Then
the same with the clients alone silent, which tells what the machine does by itself.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from engine.home import Home
from engine.host import Host
from engine.registration import Registration
from engine.settings import load as load_settings
from gui.application import Application
from gui.loop import Loop
from gui.panels.details import GRAPHS, LOG, WORKERS
from gui.theme import Theme
from tests.benchmarks.load import Asked, Load, load
from tests.support.archives import archive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.settings import Settings
    from gui.window import Window

CLIENTS = 16
SECONDS = float(os.environ.get("MARINA_BENCH_SECONDS", "8"))
PERIOD = 0.005
MS = 1000
GOAL_MS = 16
MODEL = "noop"
APIS = ("inference", "management", "metrics")
SETTINGS = "".join(f"{name}_address=http://127.0.0.1:0\n" for name in APIS)
SETTINGS += "grpc_inference_port=0\ngrpc_management_port=0\ndisable_token_authorization=true\n"


class Way(NamedTuple):
    """A way to look at the window: the tab of the details, whether the window is seen, and how many clients ask."""

    name: str
    page: int
    is_seen: bool = True
    clients: int = CLIENTS


WAYS = (
    Way("workers", WORKERS),
    Way("graphs", GRAPHS),
    Way("log", LOG),
    Way("hidden", WORKERS, is_seen=False),
    Way("workers, no clients", WORKERS, clients=0),
)


class Late(NamedTuple):
    """What one way of looking measured: answers a second, and milliseconds."""

    way: str
    rate: float
    late: Sequence[float]


class Watch(QObject):
    """Notes how much later than due the loop comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []
        self._due = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setSingleShot(True)
        self._timer.setInterval(round(PERIOD * MS))
        self._timer.timeout.connect(self._note)

    def start(self) -> None:
        self.late.clear()
        self._wait()

    def stop(self) -> list[float]:
        self._timer.stop()
        return list(self.late)

    def _wait(self) -> None:
        self._due = time.perf_counter() + PERIOD
        self._timer.start()

    def _note(self) -> None:
        self.late.append(max(0.0, time.perf_counter() - self._due) * MS)
        self._wait()


async def look(window: Window, way: Way, ask: Callable[[float], asyncio.Future[Load]]) -> Late:
    """Measure one way of looking, after a second in which everything comes up."""
    window.setVisible(way.is_seen)
    window.details.tabs.setCurrentIndex(way.page)
    watch = Watch()
    asking = ask(SECONDS + 2) if way.clients else None
    await asyncio.sleep(1)
    watch.start()
    await asyncio.sleep(SECONDS)
    late = watch.stop()
    return Late(way.name, (await asking).rate if asking else 0.0, late)


async def measure(application: Application, hosts: Sequence[Host], pool: ProcessPoolExecutor) -> list[Late]:
    """Bring Marina up with one model and look at it in each way."""
    loop = asyncio.get_running_loop()
    running = loop.create_task(application.run())
    while not (application.window and hosts[0].addresses):
        await asyncio.sleep(0.1)
        assert not running.done(), "Marina did not start"
    window, host = application.window, hosts[0]
    try:
        await host.engine.register(Registration(f"{MODEL}.mar", initial_workers=2, synchronous=True))
        asked = Asked(f"{host.addresses['inference']}/predictions/{MODEL}")
        shown = loop.create_future()
        window.refresher.pull(then=lambda: shown.set_result(None))
        await shown
        window.browser.choose(MODEL)
        return [await look(window, way, lambda s: loop.run_in_executor(pool, load, asked, CLIENTS, s)) for way in WAYS]
    finally:
        application.leave()
        await running


def percentile(values: Sequence[float], share: int) -> float:
    """The value that so many percent keep within."""
    return statistics.quantiles(values, n=100)[share - 1]


def report(found: Sequence[Late]) -> None:
    """Print one line per way of looking."""
    say(f"{CLIENTS} clients, 2 workers, {QApplication.platformName()}, {os.cpu_count()} cores; late by milliseconds")
    say(f"{'':22}{'requests/s':>12}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}   p99 within {GOAL_MS} ms")
    for way, rate, late in found:
        p50, p95, p99 = (percentile(late, share) for share in (50, 95, 99))
        kept = "yes" if p99 <= GOAL_MS else "NO"
        say(f"{way:22}{rate:12.0f}{p50:8.1f}{p95:8.1f}{p99:8.1f}{max(late):8.1f}   {kept}")


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    app = QApplication(sys.argv)
    app.setQuitOnLastWindowClosed(False)
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, get_context("spawn")) as pool:
        root = Path(folder)
        archive(root, MODEL).rename(root / f"{MODEL}.mar")
        (root / "config.properties").write_text(f"{SETTINGS}model_store={root}\n")
        environ = {"MARINA_HOME": str(root / "home")}
        arguments = ["--ncs", "--ts-config", str(root / "config.properties")]
        settings = load_settings(arguments, environ, root, program="marina")
        home = Home.find(environ)
        with Loop(app) as loop:
            asyncio.set_event_loop(loop)
            hosts: list[Host] = []

            def make_host(changed: Settings) -> Host:
                hosts.append(Host(changed, home))
                return hosts[-1]

            report(loop.run_until_complete(measure(Application(settings, make_host, Theme(app)), hosts, pool)))


if __name__ == "__main__":
    main()
