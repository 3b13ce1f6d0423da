"""Metrics as lines of TorchServe's log files `ts_metrics.log` and `model_metrics.log`. Formatting runs in a thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from engine.log_files import time_text
from engine.metrics.declarations import Declaration, Kind
from engine.metrics.server import Values

# TorchServe's names of the two loggers; `engine.logs` gives each a file.
SERVER_LOG = "TS_METRICS"
MODEL_LOG = "MODEL_METRICS"
# Lines that are written in one go, and the seconds until the next: who makes text keeps Python from the loop meanwhile.
PIECE, PAUSE = 200, 0.001


class Line(NamedTuple):
    """One value of one family; the last of `labels` is the machine's name. `timestamp` is seconds since the epoch."""

    declared: Declaration
    labels: tuple[str, ...]
    value: float
    timestamp: int
    request_ids: tuple[str, ...] = ()


def server_text(line: Line) -> str:
    """Return the line of what Marina measures itself."""
    before, after = _around(line.declared, line.labels)
    return f"{before}{float(line.value)}{after},timestamp:{line.timestamp}"


def model_text(line: Line) -> str:
    """Return the line of what a handler emitted."""
    before, after = _around(line.declared, line.labels)
    ids = _clean(",".join(line.request_ids))
    return f"{before}{float(line.value)}{after},requestID:{ids},timestamp:{line.timestamp}"


@lru_cache(maxsize=1000)
def _around(declared: Declaration, labels: tuple[str, ...]) -> tuple[str, str]:
    """Return what stands before and after the value in every line of one series."""
    pairs = [f"{name}:{_clean(value)}" for name, value in zip(declared.labels[:-1], labels, strict=False)]
    return f"{declared.name}.{_clean(declared.unit)}:", f"|#{','.join(pairs)}|#hostname:{_clean(labels[-1])}"


def _clean(text: str) -> str:
    """Keep a handler's text on its line."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


class ServerLines:
    """Turns what the server's families show into lines: what was added to counters since, and gauges that moved."""

    def __init__(self) -> None:
        """Start where everything is 0 and nothing was written."""
        self._written: dict[str, Values] = {}

    def news(self, families: Sequence[tuple[Declaration, Values]], host: str, timestamp: int) -> list[Line]:
        """Return the lines for what changed since the last call; series that are gone are forgotten.

        The values are kept until the next call and may not change meanwhile.
        """
        before, self._written = self._written, {declared.name: values for declared, values in families}
        return [
            Line(declared, (*labels, host), value, timestamp)
            for declared, values in families
            for labels, value in _moved(declared.kind, values, before.get(declared.name, {}))
        ]


def _moved(kind: Kind, values: Values, before: Values) -> Iterator[tuple[tuple[str, ...], float]]:
    if values == before:
        return
    for labels, value in values.items():
        if kind is not Kind.COUNTER:
            if value != before.get(labels):
                yield labels, value
        elif added := value - before.get(labels, 0.0):
            yield labels, added


def write(server: Iterable[Line], model: Iterable[Line]) -> None:
    """Write lines, so many of them as one record that a file is written seldom. Runs in a thread."""
    for name, texts in ((SERVER_LOG, map(server_text, server)), (MODEL_LOG, map(model_text, model))):
        while text := "\n".join(f"{time_text(time.time())} - {line}" for line in islice(texts, PIECE)):
            logging.getLogger(name).info("%s", text)
            time.sleep(PAUSE)
