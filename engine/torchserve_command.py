"""`torchserve` and `marina-server torchserve`: TorchServe's command line, for the units and images that people have.

Options, texts, exit codes and the file with the process id are TorchServe's. The server itself is `marina-server`'s, in
this process, or in a fork of it that a start without `--foreground` leaves in the background.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import psutil

from engine import SERVER_VERSION, VERSION
from engine.errors import SettingsError
from engine.pid_file import PidFile
from engine.settings import Settings, commandline
from engine.settings.commandline import TORCHSERVE
from engine.startup import read_settings

# Seconds that `--stop` waits for the end of the server (TorchServe).
PATIENCE = 60.0
USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the options say; returns the exit code. `arguments` stand in for those of the process."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        line = commandline.parse(given, TORCHSERVE)
    except SettingsError as error:
        sys.stderr.write(f"{TORCHSERVE}: {error}\n")
        return USAGE_ERROR
    pid_file = PidFile.of_user(TORCHSERVE)
    if line.show_version:
        return _say(f"TorchServe Version is {SERVER_VERSION}\nMarina {VERSION}")
    if line.stop:
        return _stop(pid_file, quiet=line.foreground)
    settings = read_settings(TORCHSERVE, given)
    if settings.model_store is None:
        return _say("Missing mandatory parameter --model-store", 1)
    if pid_file.process() is not None:
        return _say("TorchServe is already running, please use torchserve --stop to stop TorchServe.", 1)
    return _start(settings, pid_file, foreground=line.foreground)


def _say(text: str, code: int = 0) -> int:
    sys.stdout.write(f"{text}\n")
    return code


def _stop(pid_file: PidFile, *, quiet: bool) -> int:
    """End the server and wait for that, so that what follows finds its ports free. TorchServe waits if `quiet`."""
    pid, process = pid_file.pid(), pid_file.process()
    if process is None:
        if pid is not None and not psutil.pid_exists(pid):
            _say("Removing orphan pid file.")
            pid_file.remove(pid)
        return _say("TorchServe is not currently running.")
    try:
        process.terminate()
        process.wait(PATIENCE)
    except psutil.TimeoutExpired:
        _say("Stopping TorchServe took too long.")
    except psutil.Error:
        _say("TorchServe already stopped.")
    else:
        if not quiet:
            _say("TorchServe has stopped.")
    pid_file.remove(process.pid)
    return 0


def _start(settings: Settings, pid_file: PidFile, *, foreground: bool) -> int:
    # Fork first: what the server imports may start threads.
    if not foreground and (pid := _fork()):
        return _noted(pid_file, pid)
    code = _noted(pid_file, os.getpid())
    if code:
        return code
    from engine.server import run  # noqa: PLC0415 - see above; and --stop needs none of it

    try:
        return run(settings, TORCHSERVE, sys.stdout)
    finally:
        pid_file.remove(os.getpid())


def _noted(pid_file: PidFile, pid: int) -> int:
    try:
        pid_file.write(pid)
    except OSError as error:
        sys.stderr.write(
            f"{TORCHSERVE}: {pid_file.path} cannot be written: {error.strerror}. Set TMPDIR to another folder.\n"
        )
        return 1
    return 0


def _fork() -> int:
    """Return the id of a process in the background to who stays, and 0 in that process, which has no terminal.

    Without fork, on Windows, the server stays in the foreground.
    """
    if not hasattr(os, "fork"):
        return 0
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        return pid
    os.setsid()
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is wanted
        os.dup2(nothing.fileno(), 0)
    return 0
