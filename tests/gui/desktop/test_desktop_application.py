from __future__ import annotations

import os
import subprocess
import sys

from tests.support.server_process import PROJECT

SCRIPT = """
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent
from gui.desktop.desktop_application import DesktopApplication

app = DesktopApplication([])
app.asked_to_open.connect(lambda one: print(type(one).__name__, one))
for url in (QUrl.fromLocalFile("/downloads/my net.mar"), QUrl("https://models.example/net.mar")):
    app.sendEvent(app, QFileOpenEvent(url))
"""


def test_what_the_desktop_asks_to_open_reaches_the_application() -> None:
    """In a process of its own, since there is one application object in each."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(PROJECT)},
        text=True, capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["PosixPath /downloads/my net.mar", "str https://models.example/net.mar"]
