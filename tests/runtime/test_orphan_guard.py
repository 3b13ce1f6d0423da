"""The process that ends workers whose engine is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.server_process import alive, wait_for

PROGRAM = Path(__file__).parent.parent.parent / "engine" / "runtime" / "orphan_guard.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the guard needs /proc")


@contextmanager
def a_session() -> Iterator[psutil.Popen]:
    """Give a process that leads a session, with a child in it."""
    process = psutil.Popen(["sh", "-c", "sleep 300 & sleep 300; :"], start_new_session=True)
    try:
        wait_for(lambda: len(process.children()) == 2)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run_guard(lines: str) -> int:
    """Return how the guard ends once its input does."""
    return subprocess.run([sys.executable, "-E", "-S", str(PROGRAM)], input=lines, text=True, check=False).returncode


def test_the_sessions_of_workers_are_ended_when_the_engine_is_gone() -> None:
    with a_session() as lost, a_session() as ended, a_session() as strange:
        below = lost.children()
        assert run_guard(f"+ {lost.pid}\n+ {ended.pid}\n- {ended.pid}\n") == 0
        lost.wait(10)
        wait_for(lambda: not alive(below))
        for other in (ended, strange):
            assert other.poll() is None
            assert len(other.children()) == 2


def test_without_workers_the_guard_ends_at_once() -> None:
    before = time.monotonic()
    assert run_guard("") == 0
    assert time.monotonic() - before < 1


def test_a_pid_that_belongs_to_another_process_by_now_is_left_alone(tmp_path: Path) -> None:
    source = (
        f"import sys; sys.path.insert(0, {str(PROGRAM.parent)!r})\n"
        "import orphan_guard\n"
        "orphan_guard.kill_session(int(sys.argv[1]), '1')\n"
    )
    with a_session() as strange:
        subprocess.run([sys.executable, "-c", source, str(strange.pid)], cwd=tmp_path, check=True)
        assert strange.poll() is None
        assert len(strange.children()) == 2
