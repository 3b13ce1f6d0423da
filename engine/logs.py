"""Where log lines go: the console, and rotated files written by a thread of its own so that the loop never waits.

What handlers print has a file of its own with TorchServe's name, so that it drives no line of Marina's out; how workers
ended is in both. Metrics that `metrics_mode` sends to logs have files with TorchServe's names too, and are not on the
console.
"""

from __future__ import annotations

import logging
import queue
import sys
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path

from engine.metrics.lines import MODEL_LOG, SERVER_LOG
from engine.workers.log import EVENTS_LOG, PRINTED_LOG

FILE_NAME = "marina.log"
WORKERS_FILE_NAME = "model_log.log"
# The files of the loggers that metrics go to.
METRICS_FILES = {SERVER_LOG: "ts_metrics.log", MODEL_LOG: "model_metrics.log"}
MAX_BYTES = 10 * 1024 * 1024
FILES_KEPT = 5
# Lines that wait to be written, for instance to a console that somebody has halted.
MOST_WAITING = 20_000


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


class Logs:
    """Collects every log line of the process from `open` to `close`."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when missing."""
        self._folder = folder
        self._listener: QueueListener | None = None
        self._handler: QueueHandler | None = None

    def open(self) -> None:
        """Begin to collect. Blocking, for the file is opened; call it before the loop runs."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file, workers = self._file(FILE_NAME), self._file(WORKERS_FILE_NAME)
        file.addFilter(_is_not_printed)
        workers.addFilter(_is_of_workers)
        # A windowed program may have no console at all.
        console = [logging.StreamHandler(sys.stderr)] if sys.stderr else []
        told: list[logging.Handler] = [file, workers, *console]
        form = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        for target in told:
            target.setFormatter(form)
            target.addFilter(_is_for_people)
        targets = [*told, *(self._metrics_file(name, file_name) for name, file_name in METRICS_FILES.items())]
        lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._handler = LineQueue(lines)
        self._listener = QueueListener(lines, *targets)
        self._listener.start()
        logging.getLogger().addHandler(self._handler)
        logging.getLogger().setLevel(logging.INFO)

    def _file(self, name: str) -> RotatingFileHandler:
        path = self._folder / name
        return RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True)

    def _metrics_file(self, logger: str, name: str) -> RotatingFileHandler:
        file = self._file(name)
        file.setFormatter(logging.Formatter("%(message)s"))
        file.addFilter(logging.Filter(logger))
        return file

    def close(self) -> None:
        """Write what is left and end the thread. Safe to call twice."""
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler = None
        if self._listener is not None:
            self._listener.stop()
            for handler in self._listener.handlers:
                handler.close()
            self._listener = None


def _is_for_people(record: logging.LogRecord) -> bool:
    """Keep metrics out of the logs that people read."""
    return record.name not in METRICS_FILES


def _is_not_printed(record: logging.LogRecord) -> bool:
    return record.name != PRINTED_LOG


def _is_of_workers(record: logging.LogRecord) -> bool:
    return record.name in (PRINTED_LOG, EVENTS_LOG)
