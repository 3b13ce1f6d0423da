from __future__ import annotations

import pytest

from engine.devices.devices import Devices, Seat
from engine.devices.inventory import Gpu
from engine.devices.placement import ON_CPU, Placement
from tests.support.devices import GIBIBYTE, FakeInventory, a_gpu

ON_GPU = Placement("gpu")


def devices(*gpus: Gpu, limit: int | None = None) -> Devices:
    made = Devices(FakeInventory(*gpus), limit)
    made.look()
    return made


@pytest.mark.parametrize(("limit", "expected"), [(None, 3), (0, 0), (1, 1), (3, 3), (9, 3)])
def test_the_setting_limits_the_gpus(limit: int | None, expected: int) -> None:
    assert len(devices(a_gpu(0), a_gpu(1), a_gpu(2), limit=limit).gpus) == expected


def test_with_a_limit_of_none_at_all_nobody_is_asked() -> None:
    inventory = FakeInventory(a_gpu(0))
    Devices(inventory, 0).look()
    assert inventory.reads == 0


def test_a_process_holds_memory_on_several_gpus() -> None:
    found = devices(Gpu(0, processes={7: 100, 8: 1}), Gpu(1, processes={7: 20}))
    assert [found.memory_of(pid) for pid in (7, 8, 9)] == [120, 1, None]


def test_workers_on_the_cpu_get_no_gpu() -> None:
    assert devices(a_gpu(0)).choose(ON_CPU, []) is None
    assert devices().choose(ON_GPU, []) is None


def test_workers_of_other_versions_do_not_take_a_turn() -> None:
    found = devices(a_gpu(0), a_gpu(1))
    seats = [Seat(0, same_version=False, seen=True), Seat(1, same_version=True, seen=True)]
    assert found.choose(Placement("gpu", (1, 0)), seats) == 0


def test_workers_whose_memory_shows_count_by_it_alone() -> None:
    found = devices(a_gpu(0, free=50), a_gpu(1, free=40))
    assert found.choose(ON_GPU, [Seat(0, same_version=False, seen=True)] * 5) == 0
    assert found.choose(ON_GPU, [Seat(0, same_version=False, seen=False)]) == 1


@pytest.mark.parametrize(
    ("needed", "coming", "told"),
    [
        (0, 3, None),
        (4 * GIBIBYTE, 0, None),
        (5 * GIBIBYTE, 0, "have used 5120 MiB each, 4096 MiB is free."),
        (3 * GIBIBYTE, 1, "have used 3072 MiB each, 4096 MiB is free; workers still loading there: 1."),
    ],
)
def test_the_log_warns_of_a_worker_that_may_not_fit(
    needed: int, coming: int, told: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    seats = [Seat(0, same_version=True, seen=False)] * coming + [Seat(0, same_version=True, seen=True)]
    devices(a_gpu(0, free=4 * GIBIBYTE)).warn_if_full("Worker 9 of net 1.0", 0, needed, seats)
    assert [message.partition("version ")[2] for message in caplog.messages] == ([told] if told else [])


def test_a_wish_that_cannot_be_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert devices(a_gpu(0)).placement("net 1.0", None, (0, 5)) == ON_GPU
    assert caplog.messages == ["net 1.0: deviceIds [0, 5] is ignored: there is no GPU 5"]
