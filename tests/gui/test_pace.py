from __future__ import annotations

import pytest

from engine.snapshots import Progress
from gui.pace import WINDOW, Pace, span

MB = 1_000_000


def downloading(done: int, total: int = 512) -> Progress:
    return Progress("downloading", done * MB, total * MB)


def test_amount_rate_elapsed_and_remaining_time_are_told() -> None:
    pace = Pace(100.0)
    pace.note(downloading(100), 101.0)
    pace.note(downloading(300), 103.0)
    assert pace.describe(downloading(300), 103.0) == "300 MB of 512 MB · 100 MB/s · 3 s · about 2 s left"


def test_the_first_moment_has_no_rate() -> None:
    pace = Pace(0.0)
    pace.note(downloading(1), 0.0)
    pace.note(downloading(9), 0.1)
    assert pace.rate(0.1) == 0.0
    assert pace.describe(downloading(9), 0.1) == "9.0 MB of 512 MB · 0 s"


def test_a_stall_is_noticed() -> None:
    pace = Pace(0.0)
    pace.note(downloading(0), 0.0)
    pace.note(downloading(100), 1.0)
    for second in range(2, 2 + 2 * round(WINDOW)):
        pace.note(downloading(100), float(second))
    assert pace.rate(2 + 2 * WINDOW) == 0.0


def test_another_phase_counts_from_its_own_beginning() -> None:
    pace = Pace(0.0)
    pace.note(downloading(512), 5.0)
    unpacking = Progress("unpacking", 0, 100 * MB)
    pace.note(unpacking, 6.0)
    assert pace.rate(7.0) == 0.0
    assert pace.describe(unpacking, 6.0) == "0 of 100 MB · 6 s"


def test_an_act_that_counts_nothing_tells_its_time() -> None:
    pace = Pace(0.0)
    step = Progress("installing", 0, 0, "numpy 2.1")
    pace.note(step, 4.0)
    assert pace.describe(step, 4.0) == "numpy 2.1 · 4 s"


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0 s"), (59.4, "59 s"), (125, "2 min 5 s"), (3780, "1 h 3 min")])
def test_lengths_of_time_read_as_one_says_them(seconds: float, text: str) -> None:
    assert span(seconds) == text
