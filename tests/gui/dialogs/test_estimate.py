from __future__ import annotations

from engine.snapshots import GpuSnapshot, Machine
from gui.dialogs import estimate
from tests.gui.fakes import MB, a_version, a_worker

ROOMY = Machine(1.0, 8, 0, 100_000 * MB)
FULL = Machine(1.0, 8, 90_000 * MB, 90_000 * MB)


def test_a_version_without_workers_tells_nothing() -> None:
    assert estimate.of_memory([a_version(workers=())], 4, ROOMY) is None
    assert estimate.about(None, None) == ""
    assert estimate.shortage(None, None) == ""


def test_fewer_workers_need_nothing() -> None:
    assert estimate.of_memory([a_version()], 1, FULL) is None


def test_what_further_workers_need_is_what_the_others_hold_on_average() -> None:
    version = a_version(workers=(a_worker(memory=100 * MB), a_worker(memory=300 * MB), a_worker(memory=0)))
    found = estimate.of_memory([version], 5, ROOMY)
    assert found == estimate.Estimate(200 * MB, 400 * MB, 100_000 * MB)
    assert estimate.about(found, None) == "about 200 MB each"


def test_versions_of_different_sizes_are_told_together() -> None:
    versions = [a_version(workers=(a_worker(memory=100 * MB),)), a_version("b", workers=(a_worker(memory=300 * MB),))]
    assert estimate.about(estimate.of_memory(versions, 2, ROOMY), None) == "about 400 MB together"


def test_a_full_machine_is_named() -> None:
    told = estimate.shortage(estimate.of_memory([a_version()], 2, FULL), None)
    assert told == "That is about 61 MB more, but only 0 MB of memory is free."


def test_only_the_versions_own_gpus_count() -> None:
    gpus = (GpuSnapshot(0, "a", 8000 * MB, 0, 0), GpuSnapshot(1, "b", 8000 * MB, 7990 * MB, 0))
    machine = Machine(1.0, 8, 0, 1000 * MB, gpus)
    version = a_version(workers=(a_worker(gpu_memory=50 * MB),), device_ids=(1,))
    found = estimate.of_gpus([version], 2, machine)
    assert found is not None
    assert not found.fits
    assert found.free == 10 * MB
