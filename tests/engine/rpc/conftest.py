"""A running server and a generated client of it for each scenario. Workers are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.workers.launcher import Launcher
from tests.support.archives import archive
from tests.support.rpc_client import RpcClient, client_of
from tests.support.servers import Server, make_home, make_settings, serving
from tests.support.workers import FakeLauncher

Scenario = Callable[[RpcClient, Server], Awaitable[None]]
Call = Callable[..., None]
SEQUENCES = "sequenceBatching: true\nbatchSize: 4\nmaxBatchDelay: 10\nmaxNumSequence: 4\nmaxSequenceJobQueueSize: 9\n"


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Return what runs a scenario on a server with noop-1.0.mar, noop-2.0.mar and sequences-1.0.mar in its store."""

    def run(
        scenario: Scenario,
        launcher: Launcher | None = None,
        options: Mapping[str, Any] | None = None,
        runner: Callable[[Any], None] = asyncio.run,
        **settings: Any,
    ) -> None:
        home = make_home(tmp_path)
        for version in ("1.0", "2.0"):
            archive(home.model_store, "noop", version)
        archive(home.model_store, "sequences", config=SEQUENCES)

        async def main() -> None:
            async with (
                serving(home, make_settings(**settings), launcher or FakeLauncher()) as server,
                client_of(server, **(options or {})) as client,
            ):
                await scenario(client, server)

        runner(main())

    return run


async def until_pending(server: Server, name: str, jobs: int) -> None:
    """Wait until so many jobs wait for a model."""
    async with asyncio.timeout(20):
        while server.engine.describe(name)[0].queue.pending != jobs:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
