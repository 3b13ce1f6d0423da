"""What a program of this machine may try at the socket where second starts hand over; every test is of attack 36."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from engine.home import Home
from engine.settings import Settings
from gui.application import Application
from gui.desktop import reception as receptions
from gui.desktop.handover import MOST_BYTES, TAKEN, Handover, encode
from gui.desktop.reception import MOST_CALLERS, Reception
from gui.dialogs.register import RegisterDialog
from gui.loop import Loop
from gui.theme import Theme
from tests.gui.fakes import FakeHost, until
from tests.gui.windows import opened

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a socket with a path")

GOOD = Handover((Path("/downloads/digits.mar"),))
Attack = Callable[[Reception, str], Awaitable[None]]


class Desk:
    """Runs an attack on a reception that keeps what it took."""

    def __init__(self, app: QApplication, folder: Path) -> None:
        self.app = app
        self.home = Home.find({"MARINA_HOME": str(folder)})
        self.taken: list[Handover] = []

    def take(self, handover: Handover) -> bool:
        self.taken.append(handover)
        return True

    def attacked(self, attack: Attack, take: Callable[[Handover], bool] | None = None) -> None:
        self.app.setQuitOnLastWindowClosed(False)
        loop = Loop(self.app)
        asyncio.set_event_loop(loop)
        reception = Reception(take or self.take)
        try:
            loop.run_until_complete(attack(reception, reception.open(self.home)))
        finally:
            reception.close()
            loop.close()
            asyncio.set_event_loop(None)


@pytest.fixture
def desk(qapp: QApplication) -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as folder:
        yield Desk(qapp, Path(folder))


async def said(address: str, data: bytes, *, wait: bool = True) -> bytes:
    """Send bytes and return what comes back before the connection ends."""
    reader, writer = await asyncio.open_unix_connection(address)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), 5) if wait else b""
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_36_what_is_no_message_is_passed_over_and_the_next_one_is_taken(desk: Desk) -> None:
    garbage = [
        b"\n",
        b"\xff\x00\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"[" * 100_000 + b"\n",
        b"x" * (MOST_BYTES * 4),
        b"{}\n",
    ]
    options = [{"open": [], "activation": "", "options": ["--no-auth"]}, {"register": "/tmp/evil.mar"}]

    async def attack(_reception: Reception, address: str) -> None:
        for data in (*garbage, *(json.dumps(one).encode() + b"\n" for one in options)):
            assert await said(address, data) == b""
        assert await said(address, encode(GOOD) + encode(GOOD)) == TAKEN

    desk.attacked(attack)
    assert desk.taken == [GOOD]


def test_36_who_dawdles_or_comes_in_crowds_keeps_nobody_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receptions, "PATIENCE_MS", 100)

    async def attack(reception: Reception, address: str) -> None:
        crowd = [await asyncio.open_unix_connection(address) for _ in range(4 * MOST_CALLERS)]
        for _, writer in crowd:
            writer.write(b'{"open": [')
        ends = await asyncio.wait_for(asyncio.gather(*(_end(reader) for reader, _ in crowd)), 5)
        assert ends == [b""] * len(crowd)
        for _, writer in crowd:
            writer.close()
        await until(lambda: not reception.findChildren(receptions._Caller))
        assert await said(address, encode(GOOD)) == TAKEN

    desk.attacked(attack)
    assert desk.taken == [GOOD]


async def _end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell who connects")
def test_36_another_user_is_let_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.getuid()

    async def attack(_reception: Reception, address: str) -> None:
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        assert await said(address, encode(GOOD)) == b""

    desk.attacked(attack)
    assert desk.taken == []


def test_36_a_folder_that_somebody_planted_is_refused(desk: Desk) -> None:
    desk.home.runtime.symlink_to(desk.home.runtime.parent.parent)

    async def attack(_reception: Reception, _address: str) -> None:
        raise AssertionError("it listens")

    with pytest.raises(PermissionError, match="belongs to somebody else"):
        desk.attacked(attack)


@pytest.mark.qt_log_ignore("propagateSizeHints", r"support raise\(\)", extend=True)
def test_36_a_message_opens_a_dialog_and_registers_nothing(desk: Desk) -> None:
    archive = desk.home.database.parent / "digits.mar"
    archive.touch()
    settings, host = Settings(), FakeHost()
    named = ["/etc/passwd", "/dev/zero", "--disable-token-auth", "file://host/share/x.mar", str(archive)]
    message = json.dumps({"open": named, "activation": ""}).encode() + b"\n"
    applications: list[Application] = []

    async def attack(_reception: Reception, address: str) -> None:
        application = Application(settings, lambda _: host, Theme(desk.app))
        applications.append(application)
        running = asyncio.get_running_loop().create_task(application.run())
        await until(lambda: application.window is not None and application.window.is_working)
        window = application.window
        assert window is not None
        assert await said(address, message) == TAKEN
        dialog = await opened(window, RegisterDialog)
        await until(lambda: dialog.file.archive.text() == "digits.mar" and dialog.is_idle)
        assert window.banner.text.text().count("\n") == len(named) - 2
        application.leave()
        await running
        assert application._settings == settings

    def take(handover: Handover) -> bool:
        return applications[0].open(handover)

    desk.attacked(attack, take)
    assert {call[0] for call in host.engine.calls} <= {"add_to_store", "inspect", "discard_from_store"}
