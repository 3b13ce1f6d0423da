from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.devices.inventory import Gpu, gpu_id_of
from engine.devices.placement import ON_CPU, Placement, most_room, next_in_turn, placement
from tests.support.devices import a_gpu

ON_GPU = Placement("gpu")


@pytest.mark.parametrize(
    ("wanted", "device_ids", "gpus", "expected"),
    [
        (None, (), 0, ON_CPU),
        (None, (), 2, ON_GPU),
        ("gpu", (), 2, ON_GPU),
        ("cpu", (), 2, ON_CPU),
        ("cpu", (0, 9), 2, ON_CPU),
        (None, (1, 0), 2, Placement("gpu", (1, 0))),
        (None, (1, 1), 2, Placement("gpu", (1, 1))),
    ],
)
def test_a_model_runs_where_it_wants_to(
    wanted: str | None, device_ids: tuple[int, ...], gpus: int, expected: Placement
) -> None:
    assert placement(wanted, device_ids, gpus) == (expected, "")


@pytest.mark.parametrize(
    ("wanted", "device_ids", "gpus", "expected", "problem"),
    [
        ("gpu", (), 0, ON_CPU, "deviceType gpu: there is no GPU, so workers run on the CPU"),
        (None, (0, 2), 2, ON_GPU, "deviceIds [0, 2] is ignored: there is no GPU 2"),
        (None, (-1,), 2, ON_GPU, "deviceIds [-1] is ignored: there is no GPU -1"),
        ("gpu", (0,), 0, ON_CPU, "deviceIds [0] is ignored: there is no GPU 0"),
    ],
)
def test_a_wish_that_cannot_be_is_named(
    wanted: str | None, device_ids: tuple[int, ...], gpus: int, expected: Placement, problem: str
) -> None:
    assert placement(wanted, device_ids, gpus) == (expected, problem)


@given(
    wanted=st.sampled_from([None, "cpu", "gpu"]),
    device_ids=st.lists(st.integers(-2, 9), max_size=5),
    gpus=st.integers(0, 8),
)
def test_workers_only_ever_get_gpus_that_exist(wanted: str | None, device_ids: list[int], gpus: int) -> None:
    found, problem = placement(wanted, device_ids, gpus)
    assert (found.device_type == "gpu") == (gpus > 0 and wanted != "cpu")
    assert found.device_ids in ((), tuple(device_ids))
    assert all(0 <= one < gpus for one in found.device_ids)
    assert not (problem and found.device_ids)


def test_device_ids_are_taken_in_turn() -> None:
    taken: Counter[int] = Counter()
    order = []
    for _ in range(5):
        order.append(next_in_turn((2, 0, 0), taken))
        taken[order[-1]] += 1
    assert order == [2, 0, 0, 2, 0]


def test_the_place_of_a_worker_that_has_gone_is_filled_first() -> None:
    assert next_in_turn((0, 1, 2), Counter({0: 2, 2: 1})) == 1


@given(device_ids=st.lists(st.integers(0, 5), min_size=1, max_size=6), workers=st.integers(0, 30))
def test_every_place_of_the_list_gets_its_share(device_ids: list[int], workers: int) -> None:
    taken: Counter[int] = Counter()
    for _ in range(workers):
        taken[next_in_turn(device_ids, taken)] += 1
    rounds, rest = divmod(workers, len(device_ids))
    assert taken == Counter(device_ids * rounds + device_ids[:rest])


@pytest.mark.parametrize(
    ("free", "unseen", "last", "expected"),
    [
        ((80, 80, 80), {}, -1, 0),
        ((80, 80, 80), {}, 0, 1),
        ((80, 80, 80), {}, 2, 0),
        ((10, 80, 40), {}, -1, 1),
        ((80, 79), {0: 1}, 0, 1),
        ((80, 79), {0: 1, 1: 1}, 1, 0),
        ((0, 80), {1: 3}, 1, 1),
        ((30, 80), {1: 2}, 1, 0),
    ],
)
def test_a_worker_goes_where_it_finds_most_room(
    free: tuple[int, ...], unseen: dict[int, int], last: int, expected: int
) -> None:
    gpus = [a_gpu(gpu_id, free=bytes_free) for gpu_id, bytes_free in enumerate(free)]
    assert most_room(gpus, unseen, last) == expected


@given(gpus=st.integers(1, 8), rounds=st.integers(1, 4))
def test_workers_that_start_together_spread_evenly_over_gpus_that_are_alike(gpus: int, rounds: int) -> None:
    alike = [a_gpu(gpu_id) for gpu_id in range(gpus)]
    unseen: Counter[int] = Counter()
    last = -1
    for _ in range(gpus * rounds):
        last = most_room(alike, unseen, last)
        unseen[last] += 1
    assert unseen == dict.fromkeys(range(gpus), rounds)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8), st.integers(-1, 7))
def test_without_others_the_most_free_memory_decides(free: list[int], last: int) -> None:
    gpus = [a_gpu(gpu_id, free=one) for gpu_id, one in enumerate(free)]
    assert free[most_room(gpus, {}, last)] == max(free)


@pytest.mark.parametrize(
    ("device", "gpu_id"),
    [("cuda:0", 0), ("cuda:12", 12), ("cuda", 0), ("cpu", None), ("mps", 0), ("xpu:0", None), ("", None)],
)
def test_devices_of_torch_name_a_gpu_or_none(device: str, gpu_id: int | None) -> None:
    assert gpu_id_of(device) == gpu_id


def test_a_gpu_that_tells_nothing_has_no_room() -> None:
    assert most_room([Gpu(0), a_gpu(1, free=1)], {}, 1) == 1
