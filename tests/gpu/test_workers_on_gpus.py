"""Workers on a real card: they hold its memory where they were told to, are seen to, and give it back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.api.management import describe
from engine.devices.inventory import Gpu
from engine.devices.nvidia import NvidiaInventory
from engine.engine import Engine
from engine.home import Home
from engine.registration import Registration
from engine.settings import Settings
from engine.snapshots import WorkerSnapshot, WorkerState
from tests.support.archives import archive

BALLAST = 512 * 1024**2
PATIENCE = 120.0
# Each look at a card takes a few milliseconds.
PAUSE = 0.2

HANDLER = f"""
import torch


class Ballast:
    def initialize(self, context):
        gpu_id = context.system_properties["gpu_id"]
        self.device = torch.device("cpu" if gpu_id is None else f"cuda:{{gpu_id}}")
        self.ballast = torch.ones({BALLAST}, dtype=torch.uint8, device=self.device)

    def handle(self, data, context):
        return [str(self.ballast.device)] * len(data)
"""


def cards() -> tuple[Gpu, ...]:
    return NvidiaInventory(os.environ.get("CUDA_VISIBLE_DEVICES")).read()


pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not cards(), reason="there is no NVIDIA GPU here, or its management library cannot be reached"),
]


@asynccontextmanager
async def engine_with(folder: Path, workers: int, config: str = "") -> AsyncIterator[Engine]:
    """Run an engine with so many workers of the model `ballast`."""
    home = Home.find({"MARINA_HOME": str(folder / "home")})
    home.model_store.mkdir(parents=True)
    archive(home.model_store, "ballast", source=HANDLER, config=config)
    engine = Engine(Settings(), home)
    try:
        await engine.start()
        await engine.register(Registration("ballast-1.0.mar", initial_workers=workers, synchronous=True))
        yield engine
    finally:
        await engine.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds: a card tells nobody when its memory changes."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(PAUSE)


def workers_of(engine: Engine) -> tuple[WorkerSnapshot, ...]:
    return engine.describe("ballast")[0].workers


def free(gpu_id: int = 0) -> int:
    return cards()[gpu_id].memory_free


def test_a_worker_holds_memory_of_its_gpu_and_gives_it_back_when_unregistered(tmp_path: Path) -> None:
    before = free()

    async def main() -> None:
        async with engine_with(tmp_path, 1, "deviceIds: [0]\n") as engine:
            assert workers_of(engine)[0].device == "cuda:0"
            assert before - free() >= BALLAST
            assert bytes((await engine.predict("ballast", None, "id", {}, [])).body) == b"cuda:0"
            _, [found] = describe(engine, {"model_name": "ballast"})
            [worker] = found["workers"]
            assert (found["deviceType"], found["deviceIds"], worker["gpu"]) == ("gpu", (0,), True)
            assert worker["gpuUsage"].startswith("gpuId::0 utilization.gpu::")
            await engine.unregister("ballast")
            await until(lambda: before - free() < BALLAST)

    asyncio.run(main())


def test_the_memory_of_a_worker_is_told_by_its_pid(tmp_path: Path) -> None:
    async def main() -> None:
        async with engine_with(tmp_path, 1, "deviceIds: [0]\n") as engine:
            if workers_of(engine)[0].pid not in cards()[0].processes:
                pytest.skip("the driver counts processes by other ids here, as it does in containers")
            await until(lambda: workers_of(engine)[0].gpu_memory is not None)
            assert (workers_of(engine)[0].gpu_memory or 0) >= BALLAST

    asyncio.run(main())


def test_a_killed_worker_gives_its_memory_back_and_another_takes_its_place(tmp_path: Path) -> None:
    before = free()

    async def main() -> None:
        async with engine_with(tmp_path, 1, "deviceIds: [0]\n") as engine:
            killed, used = workers_of(engine)[0].pid, before - free()
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            await until(lambda: workers_of(engine)[0].pid not in (killed, None))
            await until(lambda: workers_of(engine)[0].state is WorkerState.READY)
            await until(lambda: before - free() < used + BALLAST)
            await engine.unregister("ballast")
        await until(lambda: before - free() < BALLAST)

    asyncio.run(main())


def test_a_model_that_wants_the_cpu_leaves_the_gpu_alone(tmp_path: Path) -> None:
    before = free()

    async def main() -> None:
        async with engine_with(tmp_path, 1, "deviceType: cpu\n") as engine:
            assert workers_of(engine)[0].device == "cpu"
            assert before - free() < BALLAST

    asyncio.run(main())


@pytest.mark.skipif(len(cards()) < 2, reason="there is one GPU only")
def test_workers_spread_over_the_gpus(tmp_path: Path) -> None:
    count = len(cards())

    async def main() -> None:
        async with engine_with(tmp_path, count, f"deviceIds: {list(range(count))}\n") as engine:
            assert {worker.device for worker in workers_of(engine)} == {f"cuda:{gpu_id}" for gpu_id in range(count)}

    asyncio.run(main())


@pytest.mark.skipif(len(cards()) < 2, reason="there is one GPU only")
def test_the_setting_limits_the_gpus(tmp_path: Path) -> None:
    async def main() -> None:
        engine = Engine(replace(Settings(), number_of_gpu=1), Home.find({"MARINA_HOME": str(tmp_path)}))
        try:
            await engine.start()
            assert [gpu.id for gpu in engine.gpus()] == [0]
        finally:
            await engine.stop()

    asyncio.run(main())
