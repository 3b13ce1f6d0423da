"""The main job as a person does it: drop an archive, serve it, manage it, leave. Everything in it is real."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import psutil
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QDialog
from qasync import QEventLoop  # type: ignore[import-untyped]  # it has no stubs

from engine.home import Home
from engine.host import Host
from engine.settings import load
from engine.snapshots import Key, VersionSnapshot
from gui.application import Application
from gui.dialogs.operation import OperationDialog
from gui.dialogs.register import RegisterDialog
from gui.dialogs.scale import ScaleDialog
from gui.dialogs.set_default import SetDefaultDialog
from gui.dialogs.unregister import UnregisterDialog
from gui.theme import Theme
from gui.window import Window
from tests.support.archives import silero_archive
from tests.support.loop_watch import Call, watched_loop

DATA = Path(__file__).parents[1] / "data"
PATIENCE = 40.0  # seconds; two workers import torch at once on a small machine
TOLERANCE = 0.2  # seconds of speech
LONGEST_CALL = 0.05  # seconds that one call may hold the loop, which is the GUI thread
D = TypeVar("D", bound=OperationDialog)

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.qt_log_ignore("propagateSizeHints", extend=True),
]


class Person:
    """Looks at the window and uses it, as slowly as the machine makes it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    @property
    def window(self) -> Window:
        assert self.application.window is not None
        return self.application.window

    async def sees(self, what: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not what():  # noqa: ASYNC110 - what a window shows has no event to wait for
                await asyncio.sleep(0.02)

    async def dialog(self, kind: type[D]) -> D:
        def shown() -> list[D]:
            return [dialog for dialog in self.window.findChildren(kind) if dialog.isVisible()]

        await self.sees(shown)
        dialog = shown()[0]
        await self.sees(lambda: dialog.accept_button.isEnabled() or dialog.banner.isVisible())
        assert not dialog.banner.isVisible(), dialog.banner.text.text()
        return dialog

    async def accepts(self, dialog: OperationDialog) -> None:
        finished: list[int] = []
        dialog.finished.connect(finished.append)
        dialog.accept_button.click()
        await self.sees(lambda: finished or dialog.banner.isVisible())
        assert finished == [QDialog.DialogCode.Accepted]

    def row(self, name: str, version: str) -> VersionSnapshot | None:
        record = self.window.catalog.version(Key(name, version))
        return None if record is None else record.snapshot

    def drops(self, path: Path) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(self.window, QDragEnterEvent(QPoint(300, 300), *how))
        QApplication.sendEvent(self.window, QDropEvent(QPointF(300, 300), *how))

    async def ready(self, name: str, version: str, workers: int) -> VersionSnapshot:
        def is_ready() -> bool:
            row = self.row(name, version)
            return row is not None and row.ready_workers == len(row.workers) == workers

        await self.sees(is_ready)
        row = self.row(name, version)
        assert row is not None
        return row


async def predict(address: str, path: str, body: bytes) -> Any:
    async with aiohttp.ClientSession() as session, session.post(f"{address}{path}", data=body) as response:
        text = await response.text()
        assert response.status == 200, text
        return json.loads(text)


async def send(method: str, url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, url) as response:
        return response.status, await response.json()


def check_intervals(found: list[dict[str, float]]) -> None:
    truth = json.loads((DATA / "speech.json").read_text(encoding="utf-8"))
    assert len(found) == len(truth)
    for interval, true in zip(found, truth, strict=True):
        assert interval["start"] == pytest.approx(true["start"], abs=TOLERANCE)
        assert interval["end"] == pytest.approx(true["end"], abs=TOLERANCE)


async def do_the_main_job(person: Person, archive: Path, home: Home) -> None:
    addresses = person.window._host.addresses
    management, inference = addresses["management"], addresses["inference"]
    speech = (DATA / "speech.wav").read_bytes()

    person.drops(archive)
    register = await person.dialog(RegisterDialog)
    assert register.name.text() == "silero"
    assert not person.window.catalog.models, "a drop alone registers nothing"
    await person.accepts(register)
    await person.ready("silero", "1.0", workers=1)

    person.window.actions_.scale.trigger()
    scale = await person.dialog(ScaleDialog)
    scale.low.setValue(2)
    scale.high.setValue(2)
    await person.accepts(scale)
    row = await person.ready("silero", "1.0", workers=2)
    pids = {worker.pid for worker in row.workers}
    assert len(pids) == 2
    assert all(pid is not None and psutil.pid_exists(pid) for pid in pids)

    answers = await asyncio.gather(*(predict(inference, "/predictions/silero", speech) for _ in range(4)))
    for answer in answers:
        check_intervals(answer)

    await asyncio.get_running_loop().run_in_executor(None, silero_archive, home.model_store, "2.0")
    status, answer = await send("POST", f"{management}/models?url=silero-2.0.mar&initial_workers=1&synchronous=false")
    assert (status, answer) == (202, {"status": "Processing worker updates..."})
    await person.ready("silero", "2.0", workers=1)
    check_intervals(await predict(inference, "/predictions/silero/2.0", speech))

    person.window.browser.choose("silero", "2.0")
    person.window.actions_.set_default.trigger()
    await person.accepts(await person.dialog(SetDefaultDialog))
    await person.sees(lambda: (row := person.row("silero", "2.0")) and row.is_default)

    person.window.browser.choose("silero", "1.0")
    person.window.actions_.unregister.trigger()
    await person.accepts(await person.dialog(UnregisterDialog))
    await person.sees(lambda: person.row("silero", "1.0") is None)
    status, answer = await send("GET", f"{management}/models/silero/all")
    assert [version["modelVersion"] for version in answer] == ["2.0"]
    assert not any(psutil.pid_exists(pid) for pid in pids if pid is not None)

    person.window.close()


def check_calls(calls: list[Call]) -> None:
    """No call holds the loop; the clock is given more room, because workers that load take the processor away."""
    assert max(calls, key=lambda call: call.cpu).cpu < LONGEST_CALL, max(calls, key=lambda call: call.cpu)
    assert max(calls).wall < 5 * LONGEST_CALL, max(calls)


@pytest.mark.timeout(120)
def test_drop_serve_manage_leave(qapp: QApplication, tmp_path: Path) -> None:
    settings = load(
        ["--ts-config", str(_any_ports(tmp_path))], {"MARINA_HOME": str(tmp_path)}, tmp_path, program="marina"
    )
    home = Home.find({"MARINA_HOME": str(tmp_path)})
    archive = silero_archive(tmp_path, "1.0")
    me = psutil.Process()
    threads_before, descriptors_before = set(threading.enumerate()), me.num_fds()

    async def body() -> set[asyncio.Task[Any]]:
        application = Application(settings, lambda changed: Host(changed, home), Theme(qapp))
        running = asyncio.get_running_loop().create_task(application.run())
        person = Person(application)
        try:
            await person.sees(lambda: application.window and person.window.status.state.text() == "Running")
            with watched_loop() as calls:
                await do_the_main_job(person, archive, home)
            check_calls(calls)
        finally:
            application.leave()
            await running
        return asyncio.all_tasks() - {asyncio.current_task()}

    loop = QEventLoop(qapp)
    qapp.setQuitOnLastWindowClosed(False)
    asyncio.set_event_loop(loop)
    try:
        tasks_left = loop.run_until_complete(body())
    finally:
        loop.close()
        asyncio.set_event_loop(None)

    assert not tasks_left
    assert me.children(recursive=True) == []
    assert set(threading.enumerate()) <= threads_before
    assert me.num_fds() <= descriptors_before
    assert not [connection for connection in me.net_connections("tcp") if connection.status == psutil.CONN_LISTEN]
    assert not [folder for folder in home.unpacked.iterdir() if folder.is_dir()]


def _any_ports(folder: Path) -> Path:
    path = folder / "config.properties"
    path.write_text("inference_address=http://127.0.0.1:0\nmanagement_address=http://127.0.0.1:0\n", encoding="utf-8")
    return path
