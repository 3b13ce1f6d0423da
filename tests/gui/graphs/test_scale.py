from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.graphs.scale import INTERVALS, of_bytes, of_counts, of_numbers

amounts = st.floats(0.001, 1e12)


@given(amounts)
def test_everything_fits_under_the_top_and_fills_more_than_half(most: float) -> None:
    scale = of_numbers(most)
    assert len(scale.values) == len(scale.labels) == INTERVALS + 1
    assert scale.top >= most * (1 - 1e-6)
    assert most > scale.top / 2


@given(st.integers(0, 10**14))
def test_lines_are_equally_far_apart_and_each_label_differs(most: int) -> None:
    scale = of_bytes(most)
    gaps = [after - before for before, after in pairwise(scale.values)]
    assert gaps == pytest.approx([gaps[0]] * INTERVALS)
    assert len(set(scale.labels)) == len(scale.labels)


@given(st.integers(0, 1_000_000))
def test_counts_have_lines_at_whole_numbers(most: int) -> None:
    assert all(float(value).is_integer() for value in of_counts(most).values)


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (0, ("0", "1", "2", "3")),
        (12, ("0", "4", "8", "12")),
        (1846, ("0", "800", "1\u2009600", "2\u2009400")),
        (0.7, ("0", "0.25", "0.50", "0.75")),
        (4.2, ("0", "1.5", "3.0", "4.5")),
        (12_345_678, ("0", "5 M", "10 M", "15 M")),
        (4e9, ("0", "1.5 G", "3.0 G", "4.5 G")),
    ],
)
def test_labels_are_round(most: float, labels: tuple[str, ...]) -> None:
    assert of_numbers(most).labels == labels


def test_a_queue_of_one_has_no_halves() -> None:
    assert of_counts(1).labels == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("most", "unit", "top"), [(0, "bytes", "3"), (61e6, "MB", "75"), (1000, "kB", "1.2"), (1.2e9, "GB", "1.2")]
)
def test_bytes_are_in_the_unit_that_fits(most: float, unit: str, top: str) -> None:
    scale = of_bytes(most)
    assert (scale.unit, scale.labels[-1]) == (unit, top)
