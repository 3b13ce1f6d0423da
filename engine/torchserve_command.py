"""`torchserve` and `marina-server torchserve`: TorchServe's command line, for the units and images that people have.

Options, texts, exit codes and the file with the process id are TorchServe's. The server itself is `marina-server`'s, in
this process, or in one that a start without `--foreground` leaves in the background.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import psutil

from engine import SERVER_VERSION, VERSION
from engine.errors import SettingsError
from engine.exposure import require_guarded
from engine.frozen import is_frozen
from engine.pid_file import PidFile
from engine.settings import Settings, commandline
from engine.settings.commandline import TORCHSERVE
from engine.startup import read_settings

# Seconds that `--stop` waits for the end of the server (TorchServe).
PATIENCE = 60.0
USAGE_ERROR = 2
# The word of a TorchServe's command line by which scripts, and SageMaker's toolkit, find its process.
SERVER_CLASS = "org.pytorch.serve.ModelServer"
_PROGRAM = "import sys; from engine.torchserve_command import main; sys.exit(main(sys.argv[2:]))"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the options say; returns the exit code. `arguments` stand in for those of the process."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == [SERVER_CLASS]:
        return _serve(read_settings(TORCHSERVE, given[1:]), PidFile.of_user(TORCHSERVE))
    try:
        line = commandline.parse(given, TORCHSERVE)
    except SettingsError as error:
        return _refuse(error, USAGE_ERROR)
    pid_file = PidFile.of_user(TORCHSERVE)
    if line.show_version:
        return _say(f"TorchServe Version is {SERVER_VERSION}\nMarina {VERSION}")
    if line.stop:
        return _stop(pid_file, quiet=line.foreground)
    return _start(given, pid_file, foreground=line.foreground)


def _say(text: str, code: int = 0) -> int:
    sys.stdout.write(f"{text}\n")
    return code


def _refuse(reason: object, code: int = 1) -> int:
    sys.stderr.write(f"{TORCHSERVE}: {reason}\n")
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


def _start(given: Sequence[str], pid_file: PidFile, *, foreground: bool) -> int:
    settings = read_settings(TORCHSERVE, given)
    if settings.model_store is None:
        return _say("Missing mandatory parameter --model-store", 1)
    try:
        require_guarded(settings)
    except SettingsError as error:
        return _refuse(error)
    if pid_file.process() is not None:
        return _say("TorchServe is already running, please use torchserve --stop to stop TorchServe.", 1)
    pid = os.getpid() if foreground else _background(given)
    try:
        pid_file.write(pid)
    except OSError as error:
        # Without the file nothing could end it.
        if not foreground:
            os.kill(pid, signal.SIGTERM)
        return _refuse(f"{pid_file.path} cannot be written: {error.strerror}. Set TMPDIR to another folder.")
    return _serve(settings, pid_file) if foreground else 0


def _serve(settings: Settings, pid_file: PidFile) -> int:
    from engine.server import run  # noqa: PLC0415 - it takes a while, and the other acts need none of it

    try:
        return run(settings, TORCHSERVE, sys.stdout)
    finally:
        pid_file.remove(os.getpid())


def _background(given: Sequence[str]) -> int:
    """Start a server without a terminal, which keeps the console that this process has; returns its process id."""
    own = [sys.executable] if is_frozen() else [sys.executable, "-P", "-c", _PROGRAM]
    process = subprocess.Popen(  # noqa: S603 - this program again, with the words that it was given
        [*own, TORCHSERVE, SERVER_CLASS, *given], stdin=subprocess.DEVNULL, start_new_session=True
    )
    # It is to go on when this process has ended, so nobody waits for it.
    process.returncode = 0
    return process.pid
