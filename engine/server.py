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

from engine.errors import MarinaError
from engine.home import Home
from engine.home_lock import HomeLock
from engine.host import Host
from engine.logs import Logs
from engine.settings import Settings
from engine.standard_streams import write_line

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
    """Start, say so, wait for a signal, stop; returns the exit code."""
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    host = Host(settings, home)
    try:
        await host.start()
    except (MarinaError, OSError) as error:
        log.error("%s", error)
        return 1
    for name, address in host.addresses.items():
        log.info("%s API: %s", name[:1].upper() + name[1:], address)
    # TorchServe's line; scripts wait for it.
    write_line("Model server started.")
    await asked_to_stop.wait()
    await host.stop()
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
