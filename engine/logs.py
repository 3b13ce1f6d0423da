"""Where log lines go: the console, and rotated files written by a thread of its own so that the loop never waits.

`engine.log_files` says which files there are. A file or folder that cannot be written gives a warning, and Marina goes
on without that file.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from typing import TextIO

from engine.log4j2 import configured_layout
from engine.log_files import SERVER_LOG, LogFile, LogLayout, default_layout, torchserve_loggers
from engine.settings.log_options import MARINAS_OWN, LogOptions
from engine.workers.log import PRINTED_LOG

# Lines that wait to be written, for instance to a console that somebody has halted.
MOST_WAITING = 20_000
# Marina's loggers by TorchServe's names for them; every other one has the same name.
_LOGGERS = {"": ("",), SERVER_LOG: ("engine", "gui", "marina"), "MODEL_LOG": (PRINTED_LOG,)}

log = logging.getLogger(__name__)


class LineQueue(QueueHandler):
    """Passes lines on to the thread that writes them; what comes while it is far behind is counted, and left out."""

    def __init__(self, lines: queue.SimpleQueue[logging.LogRecord]) -> None:
        """`lines` is read by the thread."""
        super().__init__(lines)
        self._lines = lines
        self._lost = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Take one line (the queue handler's call, under its lock)."""
        if self._lines.qsize() >= MOST_WAITING:
            self._lost += 1
            return
        if self._lost:
            told = {"levelno": logging.WARNING, "levelname": "WARNING", "name": __name__}
            told["msg"] = told["message"] = f"{self._lost} lines are left out here: they came too fast to be written"
            self._lines.put(logging.makeLogRecord(told))
            self._lost = 0
        self._lines.put(record)


class _CountsLosses(logging.Handler):
    """A handler that logs once that its lines cannot be written, and how many are missing once they can be again.

    Runs in the thread that writes; `logging` would print a traceback for each line.
    """

    target = ""
    _failed = False
    _lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line (the listener's call)."""
        self._failed = False
        super().emit(record)
        if self._failed:
            self._lost += 1
        elif self._lost:
            log.warning("%d log lines are missing in %s, which could not be written", self._lost, self.target)
            self._lost = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's name and signature
        """Take note of an error (the handler's call while it is handled)."""
        self._failed = True
        if not self._lost:
            log.warning("Log lines cannot be written to %s: %s", self.target, sys.exc_info()[1])


class _FileTarget(_CountsLosses, RotatingFileHandler):
    """A log file."""


class _ConsoleTarget(_CountsLosses, logging.StreamHandler[TextIO]):
    """The console."""

    target = "the console"


class Logs:
    """Collects every log line of the process from `open` to `close`."""

    def __init__(self, folder: Path, options: LogOptions = MARINAS_OWN, console: TextIO | None = None) -> None:
        """`folder` is that of the home. `console` stands in for standard error, which a program may not have."""
        self._folder = folder
        self._options = options
        self._console = console or sys.stderr
        self._listener: QueueListener | None = None
        self._handler: QueueHandler | None = None
        self._levels: dict[str, int] = {}

    def open(self) -> None:
        """Begin to collect. Blocking, for files are opened; call it before the loop runs."""
        layout = configured_layout(self._options, default_layout(self._options, self._folder))
        targets: list[logging.Handler] = []
        problems = list(layout.problems)
        for file in layout.files:
            try:
                targets.append(self._opened(file))
            except OSError as error:
                problems.append(f"There is no log file {file.path}: {error.strerror or error}.")
        if self._console:
            targets.append(_fitted(_ConsoleTarget(self._console), layout.console, layout.console_form))
        lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._handler = LineQueue(lines)
        self._listener = QueueListener(lines, *targets)
        self._listener.start()
        logging.getLogger().addHandler(self._handler)
        self._set_levels(layout)
        for problem in problems:
            log.warning("%s", problem)

    def _opened(self, file: LogFile) -> logging.Handler:
        in_home = file.path.parent == self._folder
        file.path.parent.mkdir(mode=0o700 if in_home else 0o755, parents=True, exist_ok=True)
        handler = _FileTarget(file.path, maxBytes=file.max_bytes, backupCount=file.kept, encoding="utf-8")
        handler.target = str(file.path)
        return _fitted(handler, file.loggers, file.form)

    def _set_levels(self, layout: LogLayout) -> None:
        for name, level in {"": logging.INFO, **layout.levels}.items():
            for own in _LOGGERS.get(name, (name,)):
                logger = logging.getLogger(own)
                self._levels[own] = logger.level
                logger.setLevel(level)

    def close(self) -> None:
        """Write what is left and end the thread. Safe to call twice."""
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler = None
        if self._listener is not None:
            self._listener.stop()
            for handler in self._listener.handlers:
                # A full disk refuses the last lines once more.
                with contextlib.suppress(OSError, ValueError):
                    handler.close()
            self._listener = None
        while self._levels:
            name, level = self._levels.popitem()
            logging.getLogger(name).setLevel(level)


def _fitted(handler: logging.Handler, loggers: frozenset[str], form: logging.Formatter) -> logging.Handler:
    """Return the handler with that form of lines, for the lines of these loggers of TorchServe."""
    handler.setFormatter(form)
    handler.addFilter(lambda record: not loggers.isdisjoint(torchserve_loggers(record.name)))
    return handler
