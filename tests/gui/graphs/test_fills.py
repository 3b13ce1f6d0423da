from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gui.graphs.fills import MOST_BARS, bars


def test_each_number_of_jobs_up_to_the_batch_size_has_a_bar() -> None:
    assert bars((0, 5, 0, 2), 4) == [("1", 5), ("2", 0), ("3", 2), ("4", 0)]


def test_many_numbers_share_bars() -> None:
    found = bars((0, *[1] * 40), 40)
    assert found[0] == ("1–3", 3)  # noqa: RUF001 - the dash of ranges
    assert found[-1] == ("40", 1)


def test_a_batch_size_that_was_larger_once_is_shown() -> None:
    assert [bar.label for bar in bars((0, 0, 1), 1)] == ["1", "2"]


@given(st.lists(st.integers(0, 99), max_size=200), st.integers(1, 300))
def test_no_batch_is_lost_and_bars_stay_few(fills: list[int], batch_size: int) -> None:
    found = bars((0, *fills), batch_size)
    assert sum(bar.amount for bar in found) == sum(fills)
    assert len(found) <= MOST_BARS
