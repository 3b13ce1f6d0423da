"""The access log: a line of TorchServe's form for each answer, collected on the loop and written by a thread.

On the loop an answer costs one tuple in a list. A thread makes the lines, ten times a second at most, and hands many
over to the log as one record. Without TorchServe's log files there is no access log, and answers cost nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from engine.log_files import ACCESS_LOG, time_text
from engine.masking import masked_target
from engine.settings.log_options import LogOptions

# Answers that wait for the thread, and the seconds from one call of it to the next.
MOST_WAITING = 20_000
PAUSE = 0.1
# Lines that are written in one go, and the seconds until the next: making text keeps the loop from running.
PIECE, REST = 200, 0.001
MILLISECONDS = 1000

lines_log = logging.getLogger(ACCESS_LOG)
log = logging.getLogger(__name__)


class Answered(NamedTuple):
    """One answer: when, to which client, the request line, the status, and how many seconds it took.

    `client` is the peer's name as a socket has it, or a text. `line` is the request's head, or its first line.
    """

    time: float
    client: object
    line: bytes | str
    status: int | bytes
    seconds: float


class AccessLog:
    """Collects answers until somebody writes them."""

    def __init__(self) -> None:
        """Nothing was answered yet. `waiting` is set while answers wait to be written."""
        self.waiting = asyncio.Event()
        self._answered: list[Answered] = []
        self._lost = 0

    def add(self, client: object, line: bytes | str, status: int | bytes, started: float) -> None:
        """Take an answer that is complete now; `started` is when its request came, by `time.perf_counter`."""
        if not self._answered:
            self.waiting.set()
        if len(self._answered) < MOST_WAITING:
            self._answered.append(Answered(time.time(), client, line, status, time.perf_counter() - started))
        else:
            self._lost += 1

    def take(self) -> list[Answered]:
        """Return the answers since the last call. On the loop."""
        if self._lost:
            log.warning("%d answers are missing in the access log: they came too fast to be written", self._lost)
            self._lost = 0
        self.waiting.clear()
        answered, self._answered = self._answered, []
        return answered


def access_log(options: LogOptions) -> AccessLog | None:
    """Return the access log where there is a file for it."""
    return AccessLog() if options.folder and lines_log.isEnabledFor(logging.INFO) else None


def access_line(one: Answered) -> str:
    """Return TorchServe's line: the time, the client, the request line, the status and milliseconds."""
    line = one.line if isinstance(one.line, str) else one.line.partition(b"\r\n")[0].decode("latin-1")
    method, _, rest = line.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    status = one.status if isinstance(one.status, int) else one.status.decode()
    request = _on_one_line(f"{method} {masked_target(target)} {protocol}")
    return f'{time_text(one.time)} - /{_client(one.client)} "{request}" {status} {one.seconds * MILLISECONDS:.0f}'


def _client(name: object) -> str:
    if not isinstance(name, tuple):
        return str(name or "")
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _on_one_line(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def write(answered: Iterable[Answered]) -> None:
    """Write the lines of answers. Blocking; for a thread."""
    lines = map(access_line, answered)
    while text := "\n".join(islice(lines, PIECE)):
        lines_log.info("%s", text)
        time.sleep(REST)
