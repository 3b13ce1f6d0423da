from __future__ import annotations

from engine.snapshots import Key
from gui.graphs.graph import ago
from gui.graphs.history import History, Series
from gui.graphs.subjects import subjects
from tests.gui.fakes import a_queue, a_version, a_worker

REQUESTS, LATENCY, QUEUE, MEMORY = range(4)


def a_series(**last: int) -> Series:
    history = History()
    for now, queue in ((1.0, a_queue()), (2.0, a_queue(**last))):
        history.begin([a_version(workers=(a_worker(gpu_memory=None),), queue=queue)], now)
        history.work()
    series = history.series(Key("digits", "1.0"))
    assert series is not None
    return series


def drawn(subject: int, series: Series) -> list[str]:
    return [line.figure for line in subjects()[subject].drawn(series)]


def test_failures_and_gpu_memory_appear_with_their_first_value() -> None:
    assert drawn(REQUESTS, a_series(answered=5)) == ["answered"]
    assert drawn(REQUESTS, a_series(answered=5, failed=1)) == ["answered", "failed"]
    assert drawn(MEMORY, a_series()) == ["memory"]


def test_a_version_without_answers_has_no_latency_to_draw() -> None:
    assert drawn(LATENCY, a_series()) == []


def test_the_scale_has_room_for_every_line() -> None:
    assert subjects()[QUEUE].scale_for(a_series(pending=2, in_flight=50)).top >= 50
    assert subjects()[MEMORY].scale_for(a_series()).unit == "MB"


def test_values_are_written_as_elsewhere_in_the_window() -> None:
    nan = float("nan")
    texts = [subject.text for subject in subjects()]
    assert [texts[REQUESTS](value) for value in (0, 0.5, 1846, nan)] == ["0", "0.5", "1\u2009846", "–"]  # noqa: RUF001 - it is the window's dash
    assert [texts[LATENCY](value) for value in (6.2, 212, nan)] == ["6.2", "212", "–"]  # noqa: RUF001 - it is the window's dash
    assert texts[QUEUE](17.0) == "17"
    assert texts[MEMORY](61e6) == "61 MB"


def test_times_are_told_in_words() -> None:
    assert [ago(0), ago(59), ago(78)] == ["0 s ago", "59 s ago", "1 min 18 s ago"]
