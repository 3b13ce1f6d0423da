"""A version is replaced under requests: those that named no version go to the one that now answers for the model."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.engine import Engine
from engine.errors import PredictionError
from engine.registration import Registration
from engine.serving.jobs import Reply
from engine.snapshots import WorkerState
from tests.support.archives import archive
from tests.support.servers import make_home, make_settings, until_state
from tests.support.workers import FakeLauncher


def status_of(failed: asyncio.Future[Reply]) -> int:
    error = failed.exception()
    assert isinstance(error, PredictionError)
    return error.status


def test_requests_that_wait_where_no_worker_is_left_go_to_the_new_default_version(tmp_path: Path) -> None:
    launcher, home = FakeLauncher(holding=True), make_home(tmp_path)
    for version in ("1.0", "2.0"):
        archive(home.model_store, "noop", version)

    async def main() -> None:
        engine = Engine(make_settings(), home, launcher)
        await engine.start()
        try:
            await swap(engine)
        finally:
            await engine.stop()

    async def swap(engine: Engine) -> None:
        await engine.register(Registration("noop-1.0.mar", initial_workers=1, synchronous=True))
        running, waiting, pinned = (
            engine.predict("noop", None, "running", {}, []),
            engine.predict("noop", None, "waiting", {}, []),
            engine.predict("noop", "1.0", "pinned", {}, []),
        )
        await launcher.received.wait()
        launcher.workers[0].exit(-9)
        await until_state(engine, "noop", WorkerState.BACKING_OFF)
        launcher.holding = False
        await engine.register(Registration("noop-2.0.mar", initial_workers=1, synchronous=True))
        await engine.set_default("noop", "2.0")
        await engine.unregister("noop", "1.0")

        assert (await waiting).body == b"OK"
        assert [job["id"] for job in launcher.workers[1].jobs] == ["waiting"]
        assert engine.describe("noop")[0].queue.answered == 1
        assert (status_of(running), status_of(pinned)) == (507, 503)

    asyncio.run(main())
