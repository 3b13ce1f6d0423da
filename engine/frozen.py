"""Marina as the application that PyInstaller bundles: which program of it stands in for Python. Pure.

In the bundle `sys.executable` is the window or the server, which starts another of itself when it is run. The program
`marina-worker` beside it takes Python's command line instead. It has torch and the whole standard library, but no pip.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

WORKER_PROGRAM = "marina-worker.exe" if os.name == "nt" else "marina-worker"
CHOOSE_PYTHON = "Choose a Python for workers instead: the setting worker_python, or workerPython in its model-config."


def is_frozen() -> bool:
    """Whether this is the bundled application."""
    return bool(getattr(sys, "frozen", False))


def own_python() -> str:
    """Return the interpreter that Marina brings: the one it runs on, or what stands in for it in the bundle."""
    return str(Path(sys.executable).with_name(WORKER_PROGRAM)) if is_frozen() else sys.executable
