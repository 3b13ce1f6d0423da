"""The main job as a person does it: drop an archive, serve it, manage it, leave. Everything in it is real."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from engine.home import Home
from gui.dialogs.register import RegisterDialog
from gui.dialogs.scale import ScaleDialog
from gui.dialogs.set_default import SetDefaultDialog
from gui.dialogs.unregister import UnregisterDialog
from tests.support.archives import silero_archive
from tests.support.loop_watch import Call, watched_loop
from tests.support.person import Person

DATA = Path(__file__).parents[1] / "data"
TOLERANCE = 0.2  # seconds of speech
AtTheWindow = Callable[..., set[asyncio.Task[Any]]]
LONGEST_CALL = 0.05  # seconds that one call may hold the loop, which is the GUI thread


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
    addresses = person.addresses
    management, inference = addresses["management"], addresses["inference"]
    speech = (DATA / "speech.wav").read_bytes()

    person.drops(archive)
    register = await person.dialog(RegisterDialog)
    assert register.name.text() == "silero"
    assert not person.window.catalog.models, "a drop alone registers nothing"
    await person.accepts(register)
    await person.ready("silero", "1.0", workers=1)

    await person.chooses(person.window.actions_.scale)
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
    await person.chooses(person.window.actions_.set_default)
    await person.accepts(await person.dialog(SetDefaultDialog))
    # The window shows changes in slices: each version may be a moment behind the other.
    await person.sees(lambda: (row := person.row("silero", "2.0")) and row.is_default)
    await person.sees(lambda: (row := person.row("silero", "1.0")) and not row.is_default)

    person.window.browser.choose("silero", "1.0")
    await person.chooses(person.window.actions_.unregister)
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


@pytest.mark.alone
@pytest.mark.timeout(120)
def test_drop_serve_manage_leave(at_the_window: AtTheWindow, tmp_path: Path) -> None:
    archive = silero_archive(tmp_path, "1.0")
    me = psutil.Process()
    threads_before, descriptors_before = set(threading.enumerate()), me.num_fds()
    homes: list[Home] = []

    async def act(person: Person, home: Home) -> None:
        homes.append(home)
        with watched_loop() as calls:
            await do_the_main_job(person, archive, home)
        check_calls(calls)

    assert not at_the_window(act), "tasks left over"
    assert me.children(recursive=True) == []
    assert set(threading.enumerate()) <= threads_before
    assert me.num_fds() <= descriptors_before
    assert not [connection for connection in me.net_connections("tcp") if connection.status == psutil.CONN_LISTEN]
    assert not [folder for folder in homes[0].unpacked.iterdir() if folder.is_dir()]
