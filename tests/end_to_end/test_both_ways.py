"""Window and REST are two doors to one engine: what is done at one is soon seen at the other. All of it is real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from engine.home import Home
from gui.dialogs.register import RegisterDialog
from gui.dialogs.scale import ScaleDialog
from gui.dialogs.set_default import SetDefaultDialog
from gui.dialogs.unregister import UnregisterDialog
from tests.support.archives import archive
from tests.support.person import Person

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("workers_without_torch")]

AtTheWindow = Callable[..., set[asyncio.Task[Any]]]
LATEST = 0.5  # seconds from the end of an operation until the other side shows it


class Script:
    """Somebody who knows REST alone."""

    def __init__(self, session: ClientSession, address: str) -> None:
        self._session = session
        self._models = f"{address}/models"

    async def sends(self, method: str, path: str) -> None:
        async with self._session.request(method, self._models + path) as response:
            assert response.status in (200, 202), await response.text()

    async def reads(self, name: str) -> dict[str, dict[str, Any]]:
        """Return what is said of a model's versions; nothing when it is not registered."""
        async with self._session.get(f"{self._models}/{name}/all") as response:
            found = await response.json() if response.status == 200 else []
        return {version["modelVersion"]: version for version in found}

    async def default(self, name: str) -> str:
        async with self._session.get(f"{self._models}/{name}") as response:
            return str((await response.json())[0]["modelVersion"])


@asynccontextmanager
async def a_script(person: Person) -> AsyncIterator[Script]:
    async with ClientSession() as session:
        yield Script(session, person.addresses["management"])


async def in_time(look: Callable[[], Awaitable[object]]) -> None:
    """Look until it is so; say how late that was when it was too late."""
    loop = asyncio.get_running_loop()
    done = loop.time()
    async with asyncio.timeout(20 * LATEST):
        while not await look():  # noqa: ASYNC110 - neither side has an event to wait for
            await asyncio.sleep(0.01)
    late = loop.time() - done
    assert late <= LATEST, f"seen {late:.2f} s late"


async def seen(person: Person, what: Callable[[], object]) -> None:
    """The window shows it in time."""

    async def look() -> object:
        return what()

    await in_time(look)
    assert person.window.isVisible()


@pytest.fixture
def archives(tmp_path: Path) -> list[Path]:
    return [archive(tmp_path, "small", version) for version in ("1.0", "2.0")]


def shown(person: Person, version: str) -> Any:
    return person.row("small", version)


@pytest.mark.timeout(60)
def test_what_a_script_does_shows_in_the_window(at_the_window: AtTheWindow, archives: list[Path]) -> None:
    async def act(person: Person, home: Home) -> None:
        for path in archives:
            path.rename(home.model_store / path.name)
        async with a_script(person) as script:
            await script.sends("POST", "?url=small-1.0.mar")
            await seen(person, lambda: shown(person, "1.0"))
            await script.sends("POST", "?url=small-2.0.mar")
            await seen(person, lambda: shown(person, "2.0"))
            await script.sends("PUT", "/small/1.0?min_worker=1&synchronous=true")
            await seen(person, lambda: shown(person, "1.0").ready_workers == 1)
            await script.sends("PUT", "/small/2.0/set-default")
            await seen(person, lambda: shown(person, "2.0").is_default and not shown(person, "1.0").is_default)
            await script.sends("DELETE", "/small/1.0")
            await seen(person, lambda: shown(person, "1.0") is None)
            await script.sends("DELETE", "/small")
            await seen(person, lambda: not person.window.catalog.models)

    assert not at_the_window(act), "tasks left over"


@pytest.mark.timeout(60)
def test_what_a_person_does_shows_to_a_script(at_the_window: AtTheWindow, archives: list[Path]) -> None:
    async def act(person: Person, _home: Home) -> None:
        async with a_script(person) as script:
            for path, version in zip(archives, ("1.0", "2.0"), strict=True):
                await register(person, script, path, version)
            await scale(person, script)
            await set_default(person, script)
            await unregister(person, script)

    assert not at_the_window(act), "tasks left over"


async def register(person: Person, script: Script, path: Path, version: str) -> None:
    person.drops(path)
    dialog = await person.dialog(RegisterDialog)
    dialog.parameters.initial_workers.set_value(0)
    await person.accepts(dialog)
    await in_time(lambda: has(script, version))


async def has(script: Script, version: str) -> bool:
    return version in await script.reads("small")


async def scale(person: Person, script: Script) -> None:
    person.window.browser.choose("small", "2.0")
    await person.chooses(person.window.actions_.scale)
    dialog = await person.dialog(ScaleDialog)
    dialog.high.setValue(2)
    await person.accepts(dialog)

    async def is_scaled() -> bool:
        return bool((await script.reads("small"))["2.0"]["maxWorkers"] == 2)

    await in_time(is_scaled)


async def set_default(person: Person, script: Script) -> None:
    person.window.browser.choose("small", "2.0")
    await person.chooses(person.window.actions_.set_default)
    await person.accepts(await person.dialog(SetDefaultDialog))

    async def is_default() -> bool:
        return await script.default("small") == "2.0"

    await in_time(is_default)


async def unregister(person: Person, script: Script) -> None:
    await person.sees(lambda: shown(person, "2.0").is_default and not shown(person, "1.0").is_default)
    person.window.browser.choose("small", "1.0")
    await person.chooses(person.window.actions_.unregister)
    await person.accepts(await person.dialog(UnregisterDialog))

    async def is_gone() -> bool:
        return not await has(script, "1.0")

    await in_time(is_gone)
