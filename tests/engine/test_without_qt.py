"""The engine runs where there is no Qt: nothing that `marina-server` imports needs it."""

from __future__ import annotations

import subprocess
import sys

REFUSE = """
import sys
for name in ("PySide6", "shiboken6", "qasync", "gui", "torch", "boto3", "botocore"):
    sys.modules[name] = None
import engine.__main__
import engine.server
"""


def test_the_server_imports_neither_qt_nor_torch_nor_boto() -> None:
    finished = subprocess.run([sys.executable, "-c", REFUSE], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
