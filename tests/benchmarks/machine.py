"""What the figures were taken on, and with which versions; no names and no paths. Blocking."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

import psutil

from tests.benchmarks.servers import LITSERVE, LITSERVE_ENVIRONMENT, TORCHSERVE
from tests.differential import environment as torchserve_environment

JAVA = r'version "([^"]+)'
OURS = ("aiohttp", "uvloop", "qasync", "PySide6-Essentials", "torch")


def machine() -> str:
    """Return a line on processor, memory and system."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB of memory, {system}"


def versions() -> str:
    """Return a line on what ran: Python, our libraries, the peers, Java and wrk."""
    ours = [f"{name.removesuffix('-Essentials')} {importlib.metadata.version(name)}" for name in OURS]
    peers = [
        f"{TORCHSERVE} {_installed(torchserve_environment.program('python'), 'torchserve')}",
        f"{LITSERVE} {_installed(LITSERVE_ENVIRONMENT.program('python'), 'litserve')}",
        f"Java {_said(['java', '-version'], JAVA)}",
        f"wrk {_said(['wrk', '-v'], r'wrk (?:debian/)?([0-9.]+)')}",
    ]
    return ", ".join([f"Python {platform.python_version()}", *ours, *peers])


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def _installed(python: str, package: str) -> str:
    return _said([python, "-c", f"import importlib.metadata as m; print('is', m.version({package!r}))"], r"is (\S+)")


def _said(command: list[str], pattern: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "(none)"
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "(unknown)"
