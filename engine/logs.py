"""Where log lines go: the console, and a rotated file written by a thread of its own so that the loop never waits."""

from __future__ import annotations

import logging
import queue
import sys
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path

FILE_NAME = "marina.log"
MAX_BYTES = 10 * 1024 * 1024
FILES_KEPT = 5


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
        form = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
        file = RotatingFileHandler(
            self._folder / FILE_NAME, maxBytes=MAX_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True
        )
        # A windowed program may have no console at all.
        targets: list[logging.Handler] = [file, logging.StreamHandler(sys.stderr)] if sys.stderr else [file]
        for target in targets:
            target.setFormatter(form)
        lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
        self._handler = QueueHandler(lines)
        self._listener = QueueListener(lines, *targets)
        self._listener.start()
        logging.getLogger().addHandler(self._handler)
        logging.getLogger().setLevel(logging.INFO)

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
