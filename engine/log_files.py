"""Which log files there are, which lines go to each of them, and how a line looks there. Pure.

Marina's own layout is used in the home. TorchServe's is used where its options or LOG_LOCATION ask for it: the same
file names and the same form of lines, so that scripts which read them go on working.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from engine.settings.log_options import LogOptions
from engine.workers.log import EVENTS_LOG, OF_WORKER, PRINTED_LOG

# TorchServe's loggers. Loggers of these names but the second and the last one exist here too.
ACCESS_LOG, MODEL_LOG, MODEL_METRICS, TS_METRICS = "ACCESS_LOG", "MODEL_LOG", "MODEL_METRICS", "TS_METRICS"
SERVER_LOG = "org.pytorch.serve"
# Their records hold many lines, each of which begins with its time and " - ".
BATCHED = frozenset({ACCESS_LOG, MODEL_METRICS, TS_METRICS})
ALL_LOGGERS = BATCHED | {MODEL_LOG, SERVER_LOG}
FOR_PEOPLE = frozenset({MODEL_LOG, SERVER_LOG})

FILE_NAME = "marina.log"
SERVER_FILE_NAME = "ts_log.log"
WORKERS_FILE_NAME = "model_log.log"
ACCESS_FILE_NAME = "access_log.log"
METRICS_FILES = {TS_METRICS: "ts_metrics.log", MODEL_METRICS: "model_metrics.log"}
MAX_BYTES = 10 * 1024 * 1024
FILES_KEPT = 5

_LEVEL_NAMES = {"WARNING": "WARN", "CRITICAL": "FATAL"}
_OWN_LOGGERS = {
    PRINTED_LOG: frozenset({MODEL_LOG}),
    EVENTS_LOG: FOR_PEOPLE,
    **{name: frozenset({name}) for name in BATCHED},
}


def torchserve_loggers(name: str) -> frozenset[str]:
    """Return the loggers of TorchServe that write what Marina's logger `name` writes."""
    return _OWN_LOGGERS.get(name, frozenset({SERVER_LOG}))


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))


def time_text(seconds: float) -> str:
    """Return a time, in seconds since the epoch, as TorchServe's log files have it: local, with milliseconds."""
    return f"{_second(int(seconds))},{int(seconds % 1 * 1000):03d}"


class TorchServeFormatter(logging.Formatter):
    """TorchServe's form of a line: time, level, thread, logger and message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines of a record that holds many."""
        level = _LEVEL_NAMES.get(record.levelname, record.levelname)
        if record.name in BATCHED:
            source = f" [{level:5}] {record.threadName} {record.name} - "
            return "\n".join(line.replace(" - ", source, 1) for line in record.getMessage().split("\n"))
        worker = getattr(record, OF_WORKER, None)
        thread, text = worker or (record.threadName, record.getMessage())
        logger = MODEL_LOG if record.name == PRINTED_LOG else record.name
        return f"{time_text(record.created)} [{level:5}] {thread} {logger} - {text}"


MARINA_FORM = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
TORCHSERVE_FORM = TorchServeFormatter()
# Lines of batches bring their time along.
BATCH_FORM = logging.Formatter("%(message)s")


class LogFile(NamedTuple):
    """A log file and TorchServe's names of the loggers whose lines it gets; rotated at `max_bytes`, `kept` times."""

    path: Path
    loggers: frozenset[str]
    form: logging.Formatter
    max_bytes: int = MAX_BYTES
    kept: int = FILES_KEPT


class LogLayout(NamedTuple):
    """All log files, what the console shows, and the least levels of loggers by TorchServe's names; "" is the root.

    `problems` say what of a log4j2 file is not acted on.
    """

    files: tuple[LogFile, ...]
    console: frozenset[str]
    console_form: logging.Formatter
    levels: Mapping[str, int] = MappingProxyType({})
    problems: tuple[str, ...] = ()


def marinas_layout(folder: Path, metrics_folder: Path) -> LogLayout:
    """Return the layout of a home."""
    files = (
        LogFile(folder / FILE_NAME, frozenset({SERVER_LOG}), MARINA_FORM),
        LogFile(folder / WORKERS_FILE_NAME, frozenset({MODEL_LOG}), MARINA_FORM),
        *_metrics_files(metrics_folder),
    )
    return LogLayout(files, FOR_PEOPLE, MARINA_FORM)


def torchserves_layout(folder: Path, metrics_folder: Path) -> LogLayout:
    """Return the layout of TorchServe's own log4j2 configuration, but for metrics and requests on the console."""
    files = (
        LogFile(folder / SERVER_FILE_NAME, ALL_LOGGERS, TORCHSERVE_FORM),
        LogFile(folder / WORKERS_FILE_NAME, frozenset({MODEL_LOG}), TORCHSERVE_FORM),
        LogFile(folder / ACCESS_FILE_NAME, frozenset({ACCESS_LOG}), BATCH_FORM),
        *_metrics_files(metrics_folder),
    )
    return LogLayout(files, FOR_PEOPLE, TORCHSERVE_FORM)


def default_layout(options: LogOptions, home_folder: Path) -> LogLayout:
    """Return the layout without a log4j2 file; `home_folder` is the folder of log files in the home."""
    folder = log_folder(options, home_folder)
    metrics_folder = options.metrics_folder or folder
    return (torchserves_layout if options.folder else marinas_layout)(folder, metrics_folder)


def log_folder(options: LogOptions, home_folder: Path) -> Path:
    """Return the folder of the log files, and of whatever else TorchServe writes beside them."""
    return options.folder or home_folder


def _metrics_files(folder: Path) -> tuple[LogFile, ...]:
    return tuple(LogFile(folder / name, frozenset({logger}), BATCH_FORM) for logger, name in METRICS_FILES.items())
