"""A running server for each scenario."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.workers.launcher import Launcher
from tests.support import lanes
from tests.support.archives import archive
from tests.support.servers import Scenario, Server, make_home, make_settings, serving
from tests.support.workers import FakeLauncher

Serve = Callable[..., None]
Drive = Callable[..., FakeLauncher]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Return what runs a scenario on a server with noop-1.0.mar and noop-2.0.mar in its store."""

    def run(scenario: Scenario, launcher: Launcher | None = None, **settings: Any) -> None:
        home = make_home(tmp_path)
        for version in ("1.0", "2.0"):
            archive(home.model_store, "noop", version)

        async def main() -> None:
            async with serving(home, make_settings(**settings), launcher or FakeLauncher()) as server:
                await scenario(server)

        asyncio.run(main())

    return run


@pytest.fixture
def drive(serve: Serve) -> Drive:
    """Return what runs a scenario with one client and a model at work."""

    def run(scenario: lanes.Scenario, launcher: FakeLauncher | None = None, **settings: Any) -> FakeLauncher:
        workers = launcher or FakeLauncher()

        async def body(server: Server) -> None:
            await server.register("url=noop-1.0.mar&initial_workers=1&synchronous=true")
            client = await lanes.connect(server)
            try:
                await scenario(server, client)
            finally:
                await client.close()

        serve(body, workers, **settings)
        return workers

    return run
