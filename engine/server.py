"""The run of `marina-server`: the engine without a window, on uvloop where there is one."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import TextIO

from engine.end_limit import EndLimit
from engine.errors import MarinaError
from engine.home import Home
from engine.home_lock import HomeLock
from engine.host import Host
from engine.logs import Logs
from engine.settings import Settings
from engine.standard_streams import write_line
from engine.tasks import TaskGroup

log = logging.getLogger("marina")


def run(settings: Settings, program: str, console: TextIO | None = None) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code. `console` gets the log instead of standard error."""
    home = Home.find(os.environ)
    lock = HomeLock(home, program)
    try:
        # A run without a record can lose none, so it takes no home from anybody.
        if settings.record:
            lock.acquire()
    except MarinaError as error:
        sys.stderr.write(f"{program}: {error}\n")
        return 1
    try:
        return _run(settings, home, console)
    finally:
        lock.release()


def _run(settings: Settings, home: Home, console: TextIO | None) -> int:
    logs = Logs(home.logs, settings.log_options, console)
    logs.open()
    # What the imports made stays for good: looking through it again and again would hold requests up.
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(serve(settings, home))
    finally:
        gc.unfreeze()
        logs.close()


async def serve(settings: Settings, home: Home) -> int:
    """Start, say so, wait for a signal, stop; returns the exit code. A signal ends a start that is under way too."""
    tasks, asked_to_stop, limit = TaskGroup(), asyncio.Event(), EndLimit()

    def stop() -> None:
        if not asked_to_stop.is_set():
            asked_to_stop.set()
            limit.start()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    host = Host(settings, home)
    starting = tasks.start(_started(host), "start the host")
    stopping = tasks.start(asked_to_stop.wait(), "wait for a signal")
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if starting.done() and starting.result():
        await stopping
    failed = starting.done() and not starting.result()
    await tasks.aclose()
    await host.stop()
    limit.cancel()
    return 1 if failed else 0


async def _started(host: Host) -> bool:
    """Start the host and log its addresses; returns whether that worked."""
    try:
        await host.start()
    except (MarinaError, OSError) as error:
        log.error("%s", error)
        return False
    for name, address in host.addresses.items():
        log.info("%s API: %s", name[:1].upper() + name[1:], address)
    # TorchServe's line; scripts wait for it.
    write_line("Model server started.")
    return True


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
