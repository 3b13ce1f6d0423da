"""Looks at the machine and at workers, for the window and for descriptions."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine import sampling
from engine.devices.devices import Devices
from engine.devices.inventory import Gpu
from engine.engine import Engine
from engine.registration import Registration
from engine.sampling import SAMPLE_SECONDS, Look, Sampler
from engine.snapshots import GpuSnapshot, Key, Machine
from engine.tasks import TaskGroup
from engine.workers.memory import Memory
from tests.support.archives import archive
from tests.support.devices import FakeInventory
from tests.support.loops import virtual_time
from tests.support.servers import make_home, make_settings, serving
from tests.support.workers import FakeLauncher


def run(root: Path, scenario: Callable[[Engine], None], inventory: FakeInventory | None = None) -> None:
    home = make_home(root)

    async def main() -> None:
        engine = Engine(make_settings(), home, FakeLauncher(), inventory or FakeInventory())
        try:
            await engine.start()
            await engine._sampler.look()
            await engine._sampler.look()
            scenario(engine)
        finally:
            await engine.stop()

    asyncio.run(main())


def test_the_machine_is_told_in_percent_and_bytes(tmp_path: Path) -> None:
    def scenario(engine: Engine) -> None:
        machine = engine.machine()
        assert (machine.cores, machine.memory_total) == (os.cpu_count(), psutil.virtual_memory().total)
        assert 0 <= machine.cpu <= 100
        assert 0 < machine.memory_used < machine.memory_total

    run(tmp_path, scenario)


def test_gpus_are_told_with_their_processes(tmp_path: Path) -> None:
    gpu = Gpu(0, "H200", 100, 40, 60, 7, 3, {12: 30})

    def scenario(engine: Engine) -> None:
        assert engine.machine().gpus == (GpuSnapshot(0, "H200", 100, 40, 7, {12: 30}),)

    run(tmp_path, scenario, FakeInventory(gpu))


def test_before_the_first_look_the_machine_is_unknown_but_there() -> None:
    sampler = Sampler({}, Devices(FakeInventory(), None), lambda _: None)
    assert sampler.machine == Machine(0.0, os.cpu_count() or 1, 0, 0)
    sampler.close()


@pytest.mark.parametrize(("seconds", "every"), [(0.0, 1), (0.04, 1), (0.05, 2), (0.2, 5)])
def test_workers_are_looked_at_more_rarely_where_that_takes_long(
    monkeypatch: pytest.MonkeyPatch, seconds: float, every: int
) -> None:
    looks: list[bool] = []

    @virtual_time
    async def scenario() -> None:
        tasks = TaskGroup()
        sampler = Sampler({}, Devices(FakeInventory(), None), lambda _: None)

        async def look(*, processes: bool) -> float:
            looks.append(processes)
            return seconds if processes else 0.0

        monkeypatch.setattr(sampler, "look", look)
        tasks.repeat(sampler.look_regularly, "looks", SAMPLE_SECONDS)
        await asyncio.sleep(SAMPLE_SECONDS * 10.5)
        await tasks.aclose()
        sampler.close()

    scenario()
    assert looks == [number % every == 0 for number in range(11)]


def test_a_description_tells_the_resident_set_and_the_window_the_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(pids: set[int], _devices: Devices) -> Look:
        return Look(Machine(1.0, 2, 3, 4), {pid: Memory(42, 199) for pid in pids}, 0.0)

    monkeypatch.setattr(sampling, "_look", look)
    home = make_home(tmp_path)
    archive(home.model_store)

    async def main() -> None:
        async with serving(home, make_settings(), FakeLauncher()) as server:
            engine = server.engine
            await engine.register(Registration("noop-1.0.mar", initial_workers=2, synchronous=True))
            before = engine.changes(0).revision
            await engine._sampler.look()
            assert [version.key for version in engine.changes(before).changed] == [Key("noop", "1.0")]
            assert engine.describe("noop")[0].memory == 84
            (described,) = await server.describe("noop")
            assert [worker["memoryUsage"] for worker in described["workers"]] == [199, 199]
            await engine._sampler.look(processes=False)
            assert engine.describe("noop")[0].memory == 84

    asyncio.run(main())


def test_one_look_without_descriptors_does_not_end_the_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bool] = []

    @virtual_time
    async def scenario() -> None:
        tasks = TaskGroup()
        sampler = Sampler({}, Devices(FakeInventory(), None), lambda _: None)

        async def look(*, processes: bool) -> float:
            looks.append(processes)
            if len(looks) == 2:
                raise OSError(errno.EMFILE, "too many open files")
            return 0.0

        monkeypatch.setattr(sampler, "look", look)
        tasks.repeat(sampler.look_regularly, "looks", SAMPLE_SECONDS)
        await asyncio.sleep(SAMPLE_SECONDS * 4.5)
        await tasks.aclose()
        sampler.close()

    scenario()
    assert looks == [True] * 5
