"""SIGKILL to `marina-server`: its processes leave with it, and the next start clears away what it had begun."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.home import Home
from tests.support.archives import archive
from tests.support.server_process import CONFIGURATION, PATIENCE, alive, ask, server, wait_for
from tests.support.servers import make_home

# How long processes may outlive the engine, in seconds.
LEAVE_SECONDS = 2.0
ORPHAN_SECONDS = 5.0
# Asked to, a worker waits where it notices nothing, and has a process of its own that does not either: an expression
# like this one is matched for longer than anybody lives, in native code that lets no other thread run.
STUCK = """
import pathlib, re, subprocess

def handle(data, context):
    if data is None:
        return None
    if data[0]["body"] == b"get stuck":
        subprocess.Popen(["sleep", "300"])
        pathlib.Path(data[0]["body"].decode()).touch()
        re.match("(a+)+$", "a" * 60 + "b")
    return ["OK"] * len(data)
"""


@contextlib.contextmanager
def endless_archive() -> Iterator[str]:
    """Give the URL of an archive whose beginning comes, and whose end does not."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"PK" * 50_000)
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/endless.mar"
        thread.join(PATIENCE)


def ask_in_vain(method: str, url: str, body: bytes | None = None) -> threading.Thread:
    """Ask what is never answered, since the server is killed meanwhile."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            ask(method, url, body)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def incoming(home: Home) -> list[Path]:
    return [file for file in home.model_store.glob(".incoming-*/*.mar") if file.stat().st_size]


def unpacked(home: Home) -> list[Path]:
    return [folder for folder in home.unpacked.iterdir() if folder.is_dir()]


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_nothing_outlives_an_engine_that_is_killed_but_what_the_next_start_removes(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    archive(home.model_store, "stuck", source=STUCK)
    (tmp_path / "config.properties").write_text(CONFIGURATION)
    with endless_archive() as url:
        with server(tmp_path) as first:
            ask("POST", f"{first.management}/models?url=stuck-1.0.mar&initial_workers=2&synchronous=true")
            waiting = [
                ask_in_vain("POST", f"{first.inference}/predictions/stuck", b"get stuck"),
                ask_in_vain("POST", f"{first.management}/models?url={url}"),
            ]
            wait_for(lambda: bool(list(home.unpacked.rglob("get stuck"))) and bool(incoming(home)))
            below = first.below()
            assert any("forkserver" in process.cmdline() for process in below)
            assert any("sleep" in process.cmdline() for process in below)
            first.end(signal.SIGKILL)
            wait_for(lambda: not alive(below), LEAVE_SECONDS)
        for thread in waiting:
            thread.join(PATIENCE)
    assert len(unpacked(home)) == 1
    left = [*unpacked(home), *home.model_store.glob(".incoming-*")]
    assert len(left) == 2

    with server(tmp_path) as second:
        assert [path for path in left if path.exists()] == []
        assert len(unpacked(home)) == 1
        assert [path.name for path in home.model_store.iterdir()] == ["stuck-1.0.mar"]
        assert ask("POST", f"{second.inference}/predictions/stuck", b"go on") == "OK"
        below = second.below()
        second.end(signal.SIGTERM)
        assert second.process.returncode == 0
        assert alive(below) == []
    assert unpacked(home) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the guard of workers needs /proc")
@pytest.mark.parametrize("fork_server", ["true", "false"])
def test_no_worker_that_is_stuck_outlives_its_engine_and_its_fork_server(tmp_path: Path, fork_server: str) -> None:
    home = make_home(tmp_path)
    archive(home.model_store, "stuck", source=STUCK)
    (tmp_path / "config.properties").write_text(f"{CONFIGURATION}fork_server={fork_server}\n")
    with server(tmp_path) as first:
        ask("POST", f"{first.management}/models?url=stuck-1.0.mar&initial_workers=2&synchronous=true")
        waiting = ask_in_vain("POST", f"{first.inference}/predictions/stuck", b"get stuck")
        wait_for(lambda: bool(list(home.unpacked.rglob("get stuck"))))
        below = first.below()
        assert any("sleep" in process.cmdline() for process in below)
        direct = [child for child in below if child.ppid() == first.process.pid]
        # All that could end the workers in an orderly way is killed at once; a worker cannot, for it is stuck.
        fork_servers = [child for child in direct if "forkserver" in child.cmdline()]
        assert len(fork_servers) == (1 if fork_server == "true" else 0)
        for killed in fork_servers:
            killed.suspend()
        first.end(signal.SIGKILL)
        for killed in fork_servers:
            killed.kill()
        wait_for(lambda: not alive(below), ORPHAN_SECONDS)
    waiting.join(PATIENCE)


@pytest.mark.skipif(sys.platform != "linux", reason="the guard of workers needs /proc")
def test_a_fork_server_that_stands_still_does_not_outlive_its_engine(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    archive(home.model_store)
    (tmp_path / "config.properties").write_text(CONFIGURATION)
    with server(tmp_path) as first:
        ask("POST", f"{first.management}/models?url=noop-1.0.mar&initial_workers=1&synchronous=true")
        below = first.below()
        for child in below:
            if child.ppid() == first.process.pid and "forkserver" in child.cmdline():
                child.suspend()
        first.end(signal.SIGKILL)
        wait_for(lambda: not alive(below), ORPHAN_SECONDS)
