from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from engine.errors import HomeInUseError, StoreError
from engine.home import Home
from engine.home_lock import Holder, HomeLock
from tests.support.server_process import CONFIGURATION, PROJECT, server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find({"MARINA_HOME": str(tmp_path / "home")})


def running(home: Home) -> Path:
    return home.database.with_name("marina.running")


def test_a_home_is_for_one_at_a_time(home: Home) -> None:
    first, second = HomeLock(home, "marina"), HomeLock(home, "marina-server")
    first.acquire()
    with pytest.raises(HomeInUseError) as refused:
        second.acquire(0)
    first.release()
    first.release()
    second.acquire(0)
    second.release()
    for part in ("marina", str(os.getpid()), str(home.database.parent), "MARINA_HOME"):
        assert part in str(refused.value)


def test_two_homes_are_two(home: Home, tmp_path: Path) -> None:
    other = Home.find({"MARINA_HOME": str(tmp_path / "other")})
    assert other.name != home.name
    locks = [HomeLock(one, "marina") for one in (home, other)]
    for lock in locks:
        lock.acquire(0)
    for lock in locks:
        lock.release()


def test_the_holder_says_where_its_window_is(home: Home) -> None:
    lock = HomeLock(home, "marina")
    lock.acquire()
    assert HomeLock(home, "marina").holder() == Holder(os.getpid(), "marina")
    lock.announce("/run/window.sock")
    assert lock.holder() == Holder(os.getpid(), "marina", "/run/window.sock")
    assert str(lock.holder()) == f"marina (process {os.getpid()})"
    lock.release()
    assert lock.holder() is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_lock_and_holder_are_the_owners_alone(home: Home) -> None:
    lock = HomeLock(home, "marina")
    lock.acquire()
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.database.parent.iterdir()}
    lock.release()
    assert found == {"marina.lock": 0o600, "marina.running": 0o600}
    assert stat.S_IMODE(home.database.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "said",
    ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x", "program": "marina", "address": ""}', "[" * 3000],
)
def test_a_holder_that_cannot_be_read_is_nobody(home: Home, said: str) -> None:
    home.database.parent.mkdir(parents=True)
    running(home).write_text(said, encoding="utf-8")
    assert HomeLock(home, "marina").holder() is None


def test_a_dead_holder_is_nobody(home: Home) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    home.database.parent.mkdir(parents=True)
    said = {"pid": dead.pid, "program": "marina-server", "address": ""}
    running(home).write_text(json.dumps(said), encoding="utf-8")
    assert HomeLock(home, "marina").holder() is None


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lock = HomeLock(Home.find({"MARINA_HOME": str(tmp_path / "file" / "home")}), "marina")
    with pytest.raises(StoreError, match=r"file/home: Not a directory\. .*MARINA_HOME"):
        lock.acquire()


def start_server(home: Home, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine", *options], cwd=home.database.parent, capture_output=True, text=True,
        env={**os.environ, "MARINA_HOME": str(home.database.parent), "PYTHONPATH": str(PROJECT)},
        timeout=30, check=False,
    )  # fmt: skip


def test_a_server_is_refused_beside_a_window_and_reads_all_the_same(home: Home) -> None:
    lock = HomeLock(home, "marina")
    lock.acquire()
    refused = start_server(home)
    read = start_server(home, "--print-config")
    lock.release()
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"marina-server: marina (process {os.getpid()}) is running already")
    assert "Traceback" not in refused.stderr
    assert (read.returncode, read.stderr) == (0, "")


def test_a_server_keeps_its_home_until_it_ends(tmp_path: Path) -> None:
    home = Home.find({"MARINA_HOME": str(tmp_path / "home")})
    (tmp_path / "config.properties").write_text(CONFIGURATION, encoding="utf-8")
    lock = HomeLock(home, "marina")
    with server(tmp_path) as started:
        with pytest.raises(HomeInUseError, match=rf"marina-server \(process {started.process.pid}\)"):
            lock.acquire(0)
        started.process.kill()
        started.process.wait()
        lock.acquire()
    lock.release()
