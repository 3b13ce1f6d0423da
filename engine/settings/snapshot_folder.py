"""The folder of TorchServe's snapshots: the names of its files, and which one is the last. Blocking, but for the names.

TorchServe writes `<LOG_LOCATION>/config/<yyyyMMddHHmmssSSS>-{startup,snapshot,shutdown}.cfg`, and reads the file with
the highest number, of whichever kind, when it is started without --ts-config, TS_CONFIG_FILE and --ncs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from engine.settings.log_options import DEFAULT_FOLDER

SUBFOLDER = "config"
_NAME = re.compile(r"(?P<time>[0-9]{17})-(startup|snapshot|shutdown)\.cfg")


def last_snapshot(environ: Mapping[str, str], working_folder: Path) -> Path | None:
    """Return the file that TorchServe would read; None without one. Files with other names are passed over."""
    folder = working_folder / (environ.get("LOG_LOCATION") or DEFAULT_FOLDER) / SUBFOLDER
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file()]
    except OSError:
        return None
    return max(found, key=lambda path: path.name, default=None)


def snapshot_name(created: int, kind: str) -> str:
    """Return the name of a snapshot, in local time; `created` is milliseconds since the epoch.

    `kind` is startup, snapshot or shutdown.
    """
    seconds, milliseconds = divmod(created, 1000)
    return f"{time.strftime('%Y%m%d%H%M%S', time.localtime(seconds))}{milliseconds:03}-{kind}.cfg"
