"""Metrics as lines of TorchServe's log files `ts_metrics.log` and `model_metrics.log`. Formatting runs in a thread."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from engine.metrics.declarations import Declaration, Kind
from engine.metrics.server import Values

# TorchServe's names of the two loggers; `engine.logs` gives each a file.
SERVER_LOG = "TS_METRICS"
MODEL_LOG = "MODEL_METRICS"


class Line(NamedTuple):
    """One value of one family; the last of `labels` is the machine's name. `timestamp` is seconds since the epoch."""

    declared: Declaration
    labels: tuple[str, ...]
    value: float
    timestamp: int
    request_ids: tuple[str, ...] = ()


def server_text(line: Line) -> str:
    """Return the line of what Marina measures itself."""
    return f"{_value(line)}|#hostname:{_clean(line.labels[-1])},timestamp:{line.timestamp}"


def model_text(line: Line) -> str:
    """Return the line of what a handler emitted."""
    ids = ",".join(line.request_ids)
    return f"{_value(line)}|#hostname:{_clean(line.labels[-1])},requestID:{_clean(ids)},timestamp:{line.timestamp}"


def _value(line: Line) -> str:
    declared = line.declared
    pairs = [f"{name}:{_clean(value)}" for name, value in zip(declared.labels[:-1], line.labels, strict=False)]
    return f"{declared.name}.{_clean(declared.unit)}:{float(line.value)}|#{','.join(pairs)}"


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
    """Write lines, those of each log as one record, so that a file is written once. Runs in a thread."""
    for name, texts in ((SERVER_LOG, map(server_text, server)), (MODEL_LOG, map(model_text, model))):
        if text := "\n".join(texts):
            logging.getLogger(name).info("%s", text)
