"""A process that does not end by itself is ended."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from engine.end_limit import EndLimit

PROJECT = Path(__file__).parent.parent.parent
STUCK = """
import logging, threading, time
from engine.end_limit import EndLimit
logging.basicConfig()
threading.Thread(target=time.sleep, args=(60,), name="stuck-disk").start()
EndLimit(0.2).start()
time.sleep(60)
"""


def test_a_process_that_hangs_is_ended_and_its_threads_are_named() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=PROJECT, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert (
        "Marina did not end within 0.2 s and is ended now. These threads still ran: MainThread, stuck-disk"
        in done.stderr
    )
    assert "most recent call first" in done.stderr


def test_a_process_that_ends_in_time_is_left_alone() -> None:
    EndLimit(60).cancel()
    limit = EndLimit(60)
    limit.start()
    limit.cancel()
    assert "marina-end-limit" not in {thread.name for thread in threading.enumerate()}
