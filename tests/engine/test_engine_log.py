"""The log of a version's workers, as the window reads it through the façade."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.engine import Engine
from engine.errors import ModelNotFoundError, VersionNotFoundError
from engine.registration import Registration
from engine.snapshots import Stream, WorkerState
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings, until_state
from tests.support.workers import FakeLauncher


def test_the_log_tells_of_deaths_outlives_workers_and_ends_with_its_version(tmp_path: Path) -> None:
    launcher, home = FakeLauncher(), make_home(tmp_path)
    archive(home.model_store)

    async def scenario() -> None:
        engine = Engine(make_settings(), home, launcher)
        await engine.start()
        try:
            await follow(engine)
        finally:
            await engine.stop()

    async def follow(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar", initial_workers=1, synchronous=True))
        assert engine.log("noop", "1.0") == (0, ())
        launcher.workers[0].exit(3)
        await until_state(engine, "noop", WorkerState.BACKING_OFF)
        await engine.scale("noop", None, min_workers=0, synchronous=True)
        number, (line,) = engine.log("noop", "1.0", 0)
        assert (line.worker, line.stream, line.text) == ("9000", Stream.MARINA, "backing off: exited with code 3")
        assert engine.log("noop", "1.0", number) == (number, ())
        with pytest.raises(VersionNotFoundError):
            engine.log("noop", "2.0")
        await engine.unregister("noop")
        with pytest.raises(ModelNotFoundError):
            engine.log("noop", "1.0")
        await engine.register(Registration("noop-1.0.mar"))
        assert engine.log("noop", "1.0", number) == (0, ())

    asyncio.run(scenario())
