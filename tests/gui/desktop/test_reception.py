"""The reception and what a second start says to it, over a real socket in one process; attacks have their own tests."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from engine.errors import HomeInUseError
from engine.home import Home
from engine.home_lock import HomeLock
from gui.desktop.handover import ACTIVATION, Handover
from gui.desktop.presence import activating
from gui.desktop.reception import Reception
from gui.desktop.second_start import activation, refuse, take_home
from gui.dialogs import refusal
from gui.dialogs.refusal import RefusalDialog
from tests.support.server_process import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gui.fakes import Run

GIVEN = Handover((Path("/downloads/digits.mar"), "https://models.example/net.mar"), "wayland-7")
SCRIPT = """
import os
from pathlib import Path
from engine.home import Home
from gui.desktop.handover import Handover
from gui.desktop.second_start import activation, refuse, take_home
from tests.support.server_process import PROJECT

given = Handover((Path("/downloads/digits.mar"), "https://models.example/net.mar"), "wayland-7")
print("has the home" if take_home(Home.find(os.environ), given) else "handed over")
"""


class Window:
    """Has a home and a reception, as the first start has; keeps what it took."""

    def __init__(self, home: Home) -> None:
        self.taken: list[Handover] = []
        self.answer = True
        self.lock = HomeLock(home, "marina")
        self.reception = Reception(self.take)
        self.lock.acquire()
        self.address = self.reception.open(home)
        self.lock.announce(self.address)

    def take(self, handover: Handover) -> bool:
        self.taken.append(handover)
        return self.answer

    def close(self) -> None:
        self.reception.close()
        self.lock.release()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find({"MARINA_HOME": str(tmp_path / "home")})


@pytest.fixture
def short_path(qapp: QApplication) -> Iterator[Path]:  # noqa: ARG001 - Qt must be there
    """A folder in which a socket's path is not too long."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def window(home: Home, qapp: QApplication) -> Iterator[Window]:  # noqa: ARG001 - Qt must be there
    window = Window(home)
    yield window
    window.close()


async def second_start(home: Home) -> str:
    """Run the first moment of a second start in a process of its own; returns what became of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, stdout=subprocess.PIPE,
        env={**os.environ, "MARINA_HOME": str(home.database.parent), "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    said, _ = await process.communicate()
    return said.decode().strip()


def test_a_second_start_hands_over_and_is_done(run: Run, window: Window, home: Home) -> None:
    assert run(second_start(home)) == "handed over"
    assert window.taken == [GIVEN]


def test_a_first_start_takes_the_home(home: Home) -> None:
    lock = take_home(home, GIVEN)
    assert lock is not None
    lock.release()


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe has no path")
@pytest.mark.parametrize("depth", [1, 12])
def test_the_socket_is_the_owners_alone_and_goes_with_the_reception(
    short_path: Path,
    depth: int,
) -> None:
    window = Window(Home.find({"MARINA_HOME": str(short_path.joinpath(*["a-long-name"] * depth))}))
    socket = Path(window.address)
    assert [path for path in (socket, socket.parent) if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    window.close()
    window.close()
    assert not socket.exists()
    assert socket.parent.exists() == (depth == 1)


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe ends with its process")
def test_a_dead_windows_socket_is_in_nobodys_way(short_path: Path, run: Run) -> None:
    home = Home.find({"MARINA_HOME": str(short_path)})
    first = Window(home)
    first.lock.release()
    second = Window(home)
    assert second.address == first.address
    assert run(second_start(home)) == "handed over"
    assert (first.taken, second.taken) == ([], [GIVEN])
    second.close()
    first.close()


def test_a_window_that_is_ending_is_waited_for(run: Run, window: Window, home: Home) -> None:
    window.answer = False

    async def end_once_asked() -> str:
        waiting = asyncio.get_running_loop().create_task(second_start(home))
        async with asyncio.timeout(5):
            while not window.taken:  # noqa: ASYNC110 - what comes over the socket has no event to wait for
                await asyncio.sleep(0.001)
        window.close()
        return await waiting

    assert run(end_once_asked()) == "has the home"


def test_a_window_that_does_not_answer_is_named(window: Window, home: Home) -> None:
    with pytest.raises(HomeInUseError, match=rf"marina \(process {os.getpid()}\).*MARINA_HOME"):
        take_home(home, GIVEN, patience=0.2)
    assert window.taken == []


def test_a_server_in_the_home_is_named_at_once(home: Home) -> None:
    server = HomeLock(home, "marina-server")
    server.acquire()
    with pytest.raises(HomeInUseError, match=r"marina-server \(process"):
        take_home(home, GIVEN, patience=600)
    server.release()


def test_of_many_starts_at_one_moment_one_takes_the_home(home: Home) -> None:
    found: list[HomeLock] = []
    refused: list[HomeInUseError] = []

    def start() -> None:
        try:
            lock = take_home(home, GIVEN, patience=0.2)
            assert lock is not None
            found.append(lock)
        except HomeInUseError as error:
            refused.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(refused)) == (1, 5)
    found[0].release()


def test_the_token_of_the_desktop_is_passed_on_and_left_to_nobody() -> None:
    assert activation({ACTIVATION: "a", "DESKTOP_STARTUP_ID": "b"}) == "a"
    assert activation({"DESKTOP_STARTUP_ID": "b"}) == "b"
    assert activation({}) == ""
    before = os.environ.get(ACTIVATION)
    with activating("wayland-7"):
        assert os.environ[ACTIVATION] == "wayland-7"
    assert ACTIVATION not in os.environ
    with activating(""):
        assert os.environ.get(ACTIVATION) is None
    assert before is None


@pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)
def test_without_a_terminal_a_dialog_says_why_not(
    qapp: QApplication, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def read() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, RefusalDialog)
        told.append(dialog.text.text())
        dialog.close_button.click()

    monkeypatch.setattr(refusal, "DesktopApplication", lambda _: qapp)
    QTimer.singleShot(0, qapp, read)
    refuse(HomeInUseError("/home/me/.local/share/marina", "marina-server (process 812)"))
    assert "marina-server (process 812)" in told[0]
    assert capsys.readouterr().err == f"marina: {told[0]}\n"
