from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.making import Kind
from engine.snapshots import Progress, VersionState, WorkerState
from gui import words
from gui.logs.levels import Level

ROOT = Path(__file__).parents[2]


def test_thousands_are_parted_by_thin_spaces() -> None:
    assert words.number(1234567) == "1\N{THIN SPACE}234\N{THIN SPACE}567"


def test_nothing_to_say_is_a_dash() -> None:
    assert words.number(None) == words.size(0) == words.size(None) == words.rate(0) == words.rate(None) == words.DASH


@pytest.mark.parametrize(
    ("count", "text"),
    [(7, "7 bytes"), (1500, "1.5 kB"), (61_000_000, "61 MB"), (1_200_000_000, "1.2 GB"), (10**16, "10000 TB")],
)
def test_sizes_use_the_largest_fitting_unit(count: int, text: str) -> None:
    assert words.size(count) == text


def test_progress_names_the_total_when_it_is_known() -> None:
    assert words.share(318_000_000, 512_000_000) == "318 MB of 512 MB"
    assert words.share(0, 512_000_000) == "0 of 512 MB"
    assert words.share(318_000_000, 0) == "318 MB"


def test_progress_is_told_in_words_where_nothing_counts() -> None:
    assert words.progress(Progress("copying", 318_000_000, 0)) == "318 MB"
    assert words.progress(Progress("environment", 0, 0, "Collecting numpy")) == "Collecting numpy"
    assert words.progress(Progress("environment", 0, 0, "x" * 61)) == "x" * 59 + "…"


def test_slow_rates_show_a_decimal() -> None:
    assert (words.rate(3.14), words.rate(1846.4)) == ("3.1", "1\N{THIN SPACE}846")


def test_durations_read_as_clocks_with_days() -> None:
    assert words.duration(2530) == "00:42:10"
    assert words.duration(86_400 * 3 + 5) == "3 d 00:00:05"
    assert words.duration(-4) == "00:00:00"


def test_one_thing_is_singular() -> None:
    assert words.counted(1, "%n worker", "%n workers") == "1 worker"
    assert words.counted(0, "%n worker", "%n workers") == "0 workers"


def test_a_busy_worker_says_so_and_a_backing_off_one_keeps_its_word() -> None:
    assert words.worker_state(WorkerState.READY, busy=True) == (VersionState.BUSY, "Busy")
    assert words.worker_state(WorkerState.BACKING_OFF, busy=False) == (VersionState.FAILED, "Backing off")


def test_every_worker_state_has_a_mark() -> None:
    assert all(words.worker_state(state, busy=False)[1] for state in WorkerState)


def test_an_archive_is_named_by_its_last_part() -> None:
    assert words.base_name("https://models.example/store/digits.mar") == "digits.mar"
    assert words.base_name("digits.mar") == "digits.mar"


def test_what_the_engine_says_in_one_word_can_be_translated() -> None:
    assert {kind.value for kind in Kind} == set(words.KINDS)
    assert {level.name.capitalize() for level in Level} == set(words.LEVELS)
    sources = (
        path.read_text(encoding="utf-8") for folder in ("engine", "gui") for path in ROOT.glob(f"{folder}/**/*.py")
    )
    phases = {phase for source in sources for phase in re.findall(r'\b(?:Meter|Progress)\("(\w+)"', source)}
    assert {phase.capitalize() for phase in phases} == set(words.PHASES)
