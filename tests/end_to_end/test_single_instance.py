"""Several starts of the real program in one home: one window, however they come and go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.home import Home
from engine.home_lock import Holder, HomeLock
from tests.support.server_process import CONFIGURATION, PATIENCE, PROJECT, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")


class Starts:
    """The starts of one test, in a home with the path of a socket that is not too long."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.home = Home.find({"MARINA_HOME": str(folder / "home")})
        (folder / "config.properties").write_text(CONFIGURATION, encoding="utf-8")
        (folder / "digits.mar").touch()
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "MARINA_HOME": str(self._folder / "home"), "PYTHONPATH": str(PROJECT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "gui", "--ts-config", "config.properties", *arguments],
            cwd=self._folder, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def holder(self) -> Holder | None:
        """Who has the home, once its window can be reached."""
        holder = HomeLock(self.home, "test").holder()
        return holder if holder and holder.address else None

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def starts() -> Iterator[Starts]:
    with tempfile.TemporaryDirectory() as folder:
        found = Starts(Path(folder))
        yield found
        found.close()


def test_one_window_however_many_starts_and_one_more_after_it_was_killed(starts: Starts) -> None:
    both = [starts.start("digits.mar"), starts.start("digits.mar")]
    wait_for(lambda: any(process.poll() is not None for process in both))
    second, first = sorted(both, key=lambda process: process.poll() is None)
    assert second.returncode == 0
    holder = starts.holder()
    assert holder is not None
    assert (holder.pid, first.poll()) == (first.pid, None)

    first.kill()
    first.wait()
    assert Path(holder.address).exists()
    third = starts.start()
    wait_for(lambda: starts.holder() is not None)
    fourth = starts.start("digits.mar", "https://models.example/net.mar")
    assert fourth.wait(PATIENCE) == 0
    holder = starts.holder()
    assert holder is not None
    assert (holder.pid, third.poll()) == (third.pid, None)

    third.send_signal(signal.SIGTERM)
    assert third.wait(PATIENCE) == 0
    assert list(starts.home.runtime.iterdir()) == []
    assert starts.holder() is None


def test_a_run_without_a_record_takes_no_home(starts: Starts) -> None:
    lock = HomeLock(starts.home, "marina-server")
    lock.acquire()
    alone = starts.start("--ncs")
    # The engine makes it, by when signals are heard.
    wait_for(starts.home.unpacked.is_dir)
    alone.send_signal(signal.SIGTERM)
    assert alone.wait(PATIENCE) == 0
    lock.release()
