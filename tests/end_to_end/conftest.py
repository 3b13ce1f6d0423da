"""A person in front of a real window over a real engine, for the end-to-end tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from engine.home import Home
from engine.host import Host
from engine.settings import load
from gui.application import Application
from gui.loop import Loop
from gui.theme import Theme
from tests.support.person import Person

Act = Callable[[Person, Home], Awaitable[None]]
First = Callable[[Person], Awaitable[None]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The platform without a screen says that it has no window manager; every other warning of Qt fails a test."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.qt_log_ignore("propagateSizeHints", extend=True))
            item.add_marker(pytest.mark.end_to_end)


class AtTheWindow:
    """Runs Marina with a window of its own while a person acts; says which tasks were left over."""

    def __init__(self, app: QApplication, folder: Path) -> None:
        self._app = app
        self._folder = folder

    def __call__(
        self,
        act: Act,
        *,
        management_port: int = 0,
        first: First | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> set[asyncio.Task[Any]]:
        """Let the person do `first` as soon as there is a window, and `act` once Marina runs; then leave.

        `properties` are further lines of the configuration.
        """
        configuration = self._configuration(management_port, properties or {})
        self._app.setQuitOnLastWindowClosed(False)
        loop = Loop(self._app)
        asyncio.set_event_loop(loop)
        try:
            left: set[asyncio.Task[Any]] = loop.run_until_complete(self._run(act, configuration, first))
        finally:
            loop.close()
            asyncio.set_event_loop(None)
        return left

    async def _run(self, act: Act, configuration: Path, first: First | None) -> set[asyncio.Task[Any]]:
        environ = {"MARINA_HOME": str(self._folder / "home")}
        arguments = ["--ts-config", str(configuration)]
        settings = load(arguments, environ, self._folder, program="marina")
        home = Home.find(environ)
        application = Application(settings, lambda changed: Host(changed, home), Theme(self._app))
        running = asyncio.get_running_loop().create_task(application.run())
        person = Person(application)
        try:
            if first is not None:
                await first(person)
            await person.sees(lambda: application.window and person.window.status.state.text() == "Running")
            await act(person, home)
        finally:
            application.leave()
            await running
        current = asyncio.current_task()
        return {task for task in asyncio.all_tasks() if task is not current}

    def _configuration(self, management_port: int, properties: Mapping[str, str]) -> Path:
        path = self._folder / "config.properties"
        lines = (
            "inference_address=http://127.0.0.1:0",
            f"management_address=http://127.0.0.1:{management_port}",
            "metrics_address=http://127.0.0.1:0",
            "grpc_inference_port=0",
            "grpc_management_port=0",
            *(f"{key}={value}" for key, value in properties.items()),
        )
        path.write_text("\n".join(lines), encoding="utf-8")
        return path


@pytest.fixture
def at_the_window(qapp: QApplication, tmp_path: Path) -> AtTheWindow:
    return AtTheWindow(qapp, tmp_path)
