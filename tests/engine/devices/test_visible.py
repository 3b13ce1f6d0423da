from __future__ import annotations

import pytest

from engine.devices.visible import visible_gpus

UUIDS = ("GPU-aa11", "GPU-aa22", "GPU-bb33")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("0,1,2", [0, 1, 2]),
        ("2, 0", [2, 0]),
        ("1,-1,0", [1]),
        ("GPU-bb33,GPU-aa11", [2, 0]),
        ("GPU-b", [2]),
        ("GPU-aa2,0", [1, 0]),
    ],
)
def test_what_cuda_shows_is_visible_in_its_order(text: str | None, expected: list[int]) -> None:
    assert visible_gpus(text, UUIDS) == (expected, "")


@pytest.mark.parametrize(
    ("text", "expected", "entry"),
    [
        ("0,7,1", [0], "7"),
        ("GPU-aa", [], "GPU-aa"),
        ("GPU-none,0", [], "GPU-none"),
        ("1,1", [1], "1"),
        ("MIG-1234", [], "MIG-1234"),
        ("all", [], "all"),
        ("0,GPU-aa11", [0], "GPU-aa11"),
    ],
)
def test_an_entry_that_names_no_gpu_ends_the_list_and_is_named(text: str, expected: list[int], entry: str) -> None:
    found, problem = visible_gpus(text, UUIDS)
    assert found == expected
    assert repr(entry) in problem
