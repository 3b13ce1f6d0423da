"""Ends its process, or never ends; the request's body says how."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from typing import Any


def leave_with_threads() -> None:
    threading.Thread(target=time.sleep, args=(60,)).start()
    sys.exit(5)


def exit_in_a_thread() -> None:
    thread = threading.Thread(target=sys.exit, args=(3,))
    thread.start()
    thread.join()


def exit_hard_in_a_thread() -> None:
    threading.Thread(target=os._exit, args=(6,)).start()
    time.sleep(60)


def spin() -> None:
    while True:
        pass


def refuse_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    spin()


def kill(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


ENDS = {
    "well": lambda: None,
    "exit": sys.exit,
    "exit 3": lambda: sys.exit(3),
    "exit with words": lambda: sys.exit("enough"),
    "exit with threads": leave_with_threads,
    "exit in a thread": exit_in_a_thread,
    "hard exit in a thread": exit_hard_in_a_thread,
    "hard exit 0": lambda: os._exit(0),
    "hard exit 7": lambda: os._exit(7),
    "hard exit 137": lambda: os._exit(137),
    "segmentation fault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "kill": lambda: kill(signal.SIGKILL),
    "stop": lambda: kill(signal.SIGSTOP),
    "spin": spin,
    "sleep": lambda: time.sleep(600),
    "refuse signals": refuse_signals,
}


def handle(data: Any, _context: Any) -> Any:
    if data:
        sys.stdout.write(f"ordered to {data[0]['body'].decode()}\n")
        ENDS[data[0]["body"].decode()]()
    return ["well"] if data else None
