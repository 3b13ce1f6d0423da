"""A limit on how long Marina takes to end: a thread that works while the loop is held or waits for ever."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import time

log = logging.getLogger(__name__)

# Seconds from the wish to end until the process is gone: requests in flight and workers have some of them each.
SECONDS = 30.0
# The log is written by a thread, which gets this many seconds for the last lines.
LOG_GRACE = 0.5


class EndLimit:
    """Ends the process `seconds` after `start`, unless `cancel` comes before."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Nothing runs yet."""
        self._timer = threading.Timer(seconds, self._end, [seconds])
        self._timer.name = "marina-end-limit"
        self._timer.daemon = True

    def start(self) -> None:
        """Begin to count."""
        self._timer.start()

    def cancel(self) -> None:
        """Let the process end by itself; safe to call before `start`."""
        self._timer.cancel()
        if self._timer.is_alive():
            self._timer.join()

    def _end(self, seconds: float) -> None:
        threads = ", ".join(thread.name for thread in threading.enumerate() if thread is not threading.current_thread())
        log.error("Marina did not end within %g s and is ended now. These threads still ran: %s", seconds, threads)
        if sys.stderr is not None:
            faulthandler.dump_traceback(sys.stderr)
        time.sleep(LOG_GRACE)
        os._exit(1)
