"""Prepares the worker process: signals, logging, module path, and the thread that ends it with the engine.

Runs on the main thread of the worker, but for `_leave_with_engine`, which waits on a daemon thread of its own.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path

GRACE = 0.5
PEEK_INTERVAL = 0.5


class ExitCode:
    """What the process leaves with when the handler's threads keep it from leaving by itself."""

    def __init__(self) -> None:
        self.value = 0


def set_up(channel: socket.socket) -> ExitCode:
    """Make this process a worker that lives as long as the other end of `channel`; returns what it will exit with.

    Log records go to standard output, as messages only (TorchServe: the model log adds time and level). Ctrl+C in a
    terminal reaches the whole process group but is meant for the engine, so it is ignored here.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    channel.set_inheritable(False)
    if hasattr(os, "register_at_fork"):
        # A child forked by the handler would keep the channel open, and hide this process's death from the engine.
        os.register_at_fork(after_in_child=channel.close)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
    # A crash of native code tells its signal alone; this adds where in the handler it was.
    faulthandler.enable()
    code = ExitCode()
    threading.Thread(target=_leave_with_engine, args=(channel, code), name="engine watcher", daemon=True).start()
    return code


def enter_model(model_dir: str, handler: str) -> None:
    """Work inside the model's directory and import from it; raises OSError when it is not there.

    TorchServe: the directory part of a handler "DIR/FILE.py:FUNCTION" goes first ("h:f" gives the entry "h"), then the
    model's directory, and both before the standard library.
    """
    os.chdir(model_dir)
    module_part, colon, _ = handler.partition(":")
    directory = module_part.rpartition("/")[0] or module_part
    sys.path[:0] = [directory, str(Path(model_dir).resolve())] if colon else [str(Path(model_dir).resolve())]


def hang_up(channel: socket.socket) -> None:
    """Tell the engine that this worker leaves, even if threads of the handler keep the process for a moment."""
    try:
        channel.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the engine was faster


def _leave_with_engine(channel: socket.socket, code: ExitCode) -> None:
    _wait_for_hang_up(channel)
    # The main thread sees the same end and leaves in order, unless the handler holds it.
    time.sleep(GRACE)
    os._exit(code.value)


def _wait_for_hang_up(channel: socket.socket) -> None:
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(channel, select.POLLHUP | getattr(select, "POLLRDHUP", 0))
        while not poller.poll():
            pass
        return
    while True:
        select.select([channel], [], [])
        try:
            if not channel.recv(1, socket.MSG_PEEK):
                return
        except OSError:
            return
        time.sleep(PEEK_INTERVAL)
