from __future__ import annotations

import os

from engine.workers.memory import resident_memory

NO_PROCESS = 2**22 + 1


def test_memory_is_told_in_bytes() -> None:
    sizes = resident_memory([os.getpid()])
    assert sizes[os.getpid()] > 1_000_000


def test_a_process_that_is_gone_is_left_out() -> None:
    assert list(resident_memory([NO_PROCESS, os.getpid()])) == [os.getpid()]
