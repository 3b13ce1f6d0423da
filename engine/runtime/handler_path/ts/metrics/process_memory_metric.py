"""Measures processes, for a program named in `system_metrics_cmd`; Marina itself measures without it."""

from __future__ import annotations

import logging
from typing import TextIO

from ..utils.packages import require

logger = logging.getLogger(__name__)


def get_cpu_usage(pid: str | int) -> int:
    """Return the bytes of memory that a process holds, 0 when there is none."""
    psutil = require("psutil", None, __name__)
    try:
        size: int = psutil.Process(int(pid)).memory_info().rss
    except psutil.Error as error:
        logger.error("The process %s cannot be measured: %s", pid, error)
        return 0
    return size


def check_process_mem_usage(stdin: TextIO) -> None:
    """Read a line of process ids, separated by commas, and log "pid:bytes" for each."""
    for pid in filter(None, stdin.readline().strip().split(",")):
        logger.info("%s:%d", pid, get_cpu_usage(pid))
