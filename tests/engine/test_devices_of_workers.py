"""An engine on a machine with GPUs that are not there: what workers are told, and what is told about them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.engine import Engine
from engine.home import Home
from engine.registration import Registration
from engine.settings import StartModel
from engine.snapshots import Key, WorkerState
from tests.support.archives import archive
from tests.support.devices import GIBIBYTE, FakeInventory, a_gpu
from tests.support.servers import make_home, make_settings, serving, until, until_state
from tests.support.workers import FakeLauncher

Scenario = Callable[[Engine], Awaitable[None]]


class Machine:
    """An engine's home, its GPUs and its workers."""

    def __init__(self, folder: Path, gpus: int) -> None:
        self.home: Home = make_home(folder)
        self.launcher = FakeLauncher()
        self.inventory = FakeInventory(*(a_gpu(gpu_id) for gpu_id in range(gpus)))

    def archive(self, config: str = "") -> None:
        archive(self.home.model_store, "net", "1.0", config=config)

    def run(self, scenario: Scenario, **settings: Any) -> None:
        async def main() -> None:
            engine = Engine(make_settings(**settings), self.home, self.launcher, self.inventory)
            try:
                await engine.start()
                await scenario(engine)
            finally:
                await engine.stop()

        asyncio.run(main())

    def placed(self, workers: int, **settings: Any) -> list[int | None]:
        """Return the GPUs that so many workers of the archive are told to use, in their order."""

        async def scenario(engine: Engine) -> None:
            await engine.register(Registration("net-1.0.mar", initial_workers=workers, synchronous=True))

        self.run(scenario, **settings)
        return [worker.load["gpu_id"] for worker in self.launcher.workers]


async def look(engine: Engine) -> None:
    """Let the engine look at processes and GPUs now."""
    await engine._sampler.look()


def on(device_type: str, *device_ids: int) -> str:
    return f"deviceType: {device_type}\n" + (f"deviceIds: {list(device_ids)}\n" if device_ids else "")


@pytest.mark.parametrize(
    ("gpus", "config", "settings", "expected"),
    [
        (0, "", {}, [None, None, None]),
        (0, on("gpu"), {}, [None, None, None]),
        (1, "", {}, [0, 0, 0]),
        (2, "", {}, [0, 1, 0]),
        (4, "", {}, [0, 1, 2]),
        (4, "", {"number_of_gpu": 2}, [0, 1, 0]),
        (4, "", {"number_of_gpu": 0}, [None, None, None]),
        (4, on("cpu"), {}, [None, None, None]),
        (4, on("gpu", 3, 1), {}, [3, 1, 3]),
        (4, on("gpu", 3, 1), {"number_of_gpu": 3}, [0, 1, 2]),
    ],
)
def test_each_worker_is_told_its_gpu(
    tmp_path: Path, gpus: int, config: str, settings: dict[str, Any], expected: list[int | None]
) -> None:
    machine = Machine(tmp_path, gpus)
    machine.archive(config)
    assert machine.placed(3, **settings) == expected


def test_a_worker_that_starts_again_goes_where_most_is_free(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 2)
    machine.archive()

    async def scenario(engine: Engine) -> None:
        await engine.register(Registration("net-1.0.mar", initial_workers=1, synchronous=True))
        machine.inventory.holds(0, {1: 79 * GIBIBYTE})
        await look(engine)
        machine.launcher.workers[0].exit(1)
        await until_state(engine, "net", WorkerState.BACKING_OFF)
        engine.retry("net", "1.0", "9000")
        await until_state(engine, "net", WorkerState.READY)
        assert engine.describe("net")[0].workers[0].device == "cuda:1"

    machine.run(scenario)
    assert [worker.load["gpu_id"] for worker in machine.launcher.workers] == [0, 1]


def test_a_worker_of_a_list_gets_its_own_place_back(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 2)
    machine.archive(on("gpu", 0, 1))

    async def scenario(engine: Engine) -> None:
        await engine.register(Registration("net-1.0.mar", initial_workers=2, synchronous=True))
        machine.launcher.workers[1].exit(1)
        await until_state(engine, "net", WorkerState.BACKING_OFF)
        engine.retry("net", "1.0", "9001")
        await until(engine, lambda: engine.describe("net")[0].ready_workers == 2)

    machine.run(scenario)
    assert [worker.load["gpu_id"] for worker in machine.launcher.workers] == [0, 1, 1]


def test_the_memory_that_a_worker_holds_on_gpus_is_told_while_it_runs(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 1)
    machine.archive()

    async def scenario(engine: Engine) -> None:
        await engine.register(Registration("net-1.0.mar", initial_workers=1, synchronous=True))
        assert engine.describe("net")[0].workers[0].gpu_memory is None
        revision = engine.changes(0).revision
        machine.inventory.holds(0, {machine.launcher.workers[0].pid: 3 * GIBIBYTE, 5: GIBIBYTE})
        await look(engine)
        assert engine.describe("net")[0].workers[0].gpu_memory == 3 * GIBIBYTE
        assert [version.key for version in engine.changes(revision).changed] == [Key("net", "1.0")]
        machine.inventory.holds(0, {})
        await look(engine)
        assert engine.describe("net")[0].workers[0].gpu_memory is None

    machine.run(scenario)


def test_the_log_warns_before_a_worker_starts_that_would_not_fit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine = Machine(tmp_path, 1)
    machine.archive()

    async def scenario(engine: Engine) -> None:
        await engine.register(Registration("net-1.0.mar", initial_workers=1, synchronous=True))
        machine.inventory.holds(0, {machine.launcher.workers[0].pid: 50 * GIBIBYTE})
        await look(engine)
        assert "may not fit" not in caplog.text
        await engine.scale("net", None, min_workers=2, synchronous=True)

    machine.run(scenario)
    [told] = [message for message in caplog.messages if "may not fit" in message]
    assert told.startswith("Worker 9001 of net 1.0 may not fit on GPU 0: ")
    assert "used 51200 MiB each, 30720 MiB is free" in told


def test_at_the_start_a_model_gets_a_worker_for_each_gpu(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 3)
    machine.archive()

    async def scenario(engine: Engine) -> None:
        assert len(engine.describe("net")[0].workers) == 3

    machine.run(scenario, load_models=(StartModel(None, "net-1.0.mar"),))


def test_a_machine_without_gpus_is_asked_once(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 0)
    machine.archive()
    machine.placed(2)
    assert machine.inventory.reads == 1


@pytest.mark.parametrize("config", [on("gpu", 1), on("cpu")])
def test_a_description_tells_device_and_usage(tmp_path: Path, config: str) -> None:
    machine = Machine(tmp_path, 2)
    machine.archive(config)
    first, second = machine.inventory.gpus
    machine.inventory.gpus = first, replace(second, utilization=7, memory_utilization=3, memory_used=457 * 1024**2 + 5)

    async def main() -> None:
        async with serving(machine.home, make_settings(), machine.launcher) as server:
            devices = server.engine._devices
            devices._inventory = machine.inventory
            await server.engine._threads.run(devices.look)
            await server.register("url=net-1.0.mar&initial_workers=1&synchronous=true")
            [found] = await server.describe("net")
            [worker] = found["workers"]
            if "gpu" in config:
                assert (found["deviceType"], found["deviceIds"], worker["gpu"]) == ("gpu", [1], True)
                usage = "gpuId::1 utilization.gpu::7 % utilization.memory::3 % memory.used::457 MiB"
                assert worker["gpuUsage"] == usage
            else:
                assert (found["deviceType"], worker["gpu"], worker["gpuUsage"]) == ("cpu", False, "N/A")
                assert "deviceIds" not in found

    asyncio.run(main())
