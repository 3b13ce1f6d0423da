"""Where `marina-server` writes its log files, by the rules of TorchServe. Pure.

TorchServe reads LOG_LOCATION and METRICS_LOCATION always, and writes to the folder `logs` of the working folder without
them. Marina does so when it is started with one of TorchServe's options, and keeps its own folder otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

DEFAULT_FOLDER = "logs"


class LogOptions(NamedTuple):
    """Folders and configuration of the log files.

    `folder` is the folder of log files that have TorchServe's names, `metrics_folder` that of the files with metrics;
    None stands for Marina's own folder, and Marina's own names. `config` is the log4j2 file of `--log-config`.
    """

    folder: Path | None = None
    metrics_folder: Path | None = None
    config: Path | None = None


MARINAS_OWN = LogOptions()


def log_options(
    environ: Mapping[str, str], working_folder: Path, *, like_torchserve: bool, config: Path | None
) -> LogOptions:
    """Return the options that count; `like_torchserve` tells whether one of TorchServe's options was given."""
    default = DEFAULT_FOLDER if like_torchserve else ""
    folder = environ.get("LOG_LOCATION") or default
    metrics_folder = environ.get("METRICS_LOCATION") or default or folder
    return LogOptions(
        working_folder / folder if folder else None,
        working_folder / metrics_folder if metrics_folder else None,
        config,
    )
