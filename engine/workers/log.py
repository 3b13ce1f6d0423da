"""What the workers of one version print and how they end: the newest lines in memory, each also sent to the log files.

On the loop. Logging passes lines on to the thread that writes files (`engine.logs`), so that nothing here waits.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from engine.snapshots import LogLine, LogLines, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

# `engine.logs` gives the lines of both a file of their own.
PRINTED_LOG = "marina.handlers"
EVENTS_LOG = "marina.workers"
# The attribute of their records with TorchServe's name for the worker's stream, and the bare text.
OF_WORKER = "of_worker"
# What a version's newest lines may hold together, in lines and in characters.
MOST_LINES = 2000
MOST_SIZE = 1024 * 1024

printed = logging.getLogger(PRINTED_LOG)
events = logging.getLogger(EVENTS_LOG)


class WorkerLog:
    """The lines of one version, oldest first, those of workers that are gone included; numbered from 0."""

    def __init__(self, model: str, version: str, clock: Callable[[], float] = time.time) -> None:
        """`model` and `version` are named in the files; `clock` gives seconds since the epoch."""
        self.model = model
        self._version = f"{model} {version}"
        self._torchserve_version = f"{model}_{version}"
        self._clock = clock
        self._lines: deque[LogLine] = deque()
        self._size = 0
        self._next = 0

    def add(self, worker: str, stream: Stream, text: str, *, brief: str = "") -> None:
        """Take one line of a worker that is safe to show; TorchServe's log files have `brief` instead, if given."""
        self._keep(LogLine(self._clock(), worker, stream, text))
        if stream is Stream.MARINA:
            more = {OF_WORKER: (self._torchserve_name(worker), brief or text)}
            events.warning("%s worker %s: %s", self._version, worker, text, extra=more)
        else:
            # TorchServe: what a handler prints is INFO, what it prints to standard error is WARN.
            level = logging.INFO if stream is Stream.STDOUT else logging.WARNING
            more = {OF_WORKER: (f"{self._torchserve_name(worker)}-{stream}", text)}
            printed.log(level, "%s worker %s %s: %s", self._version, worker, stream, text, extra=more)

    def _torchserve_name(self, worker: str) -> str:
        """Return the worker's name in TorchServe's log files."""
        return f"W-{worker}-{self._torchserve_version}"

    def failed(self, worker: str, words: str) -> None:
        """Log the words that TorchServe has for a failure of a worker: people search log files for them.

        They stand beside Marina's own line, which tells more and is kept in memory as well.
        """
        events.error(
            "%s worker %s: %s", self._version, worker, words, extra={OF_WORKER: (self._torchserve_name(worker), words)}
        )

    def since(self, number: int) -> LogLines:
        """Return the lines from `number` on, of which the oldest may be forgotten, and the number to ask for next.

        Whoever is ahead has read the log of an earlier version of that name, and gets everything.
        """
        new = self._next - number if 0 <= number <= self._next else self._next
        skipped = max(len(self._lines) - new, 0)
        return LogLines(self._next, tuple(islice(self._lines, skipped, None)) if new else ())

    def _keep(self, line: LogLine) -> None:
        lines = self._lines
        lines.append(line)
        self._next += 1
        self._size += len(line.text)
        while len(lines) > MOST_LINES or self._size > MOST_SIZE:
            self._size -= len(lines.popleft().text)
