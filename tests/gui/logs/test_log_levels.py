from __future__ import annotations

import time

import pytest

from engine.snapshots import LogLine, Stream
from gui.logs.levels import Level, LevelReader, told


def levels(*lines: tuple[Stream, str], worker: str = "9000") -> list[Level]:
    reader = LevelReader()
    return [reader.level(LogLine(0.0, worker, stream, text)) for stream, text in lines]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("DEBUG:digits:cache has 12 entries", Level.DEBUG),
        ("INFO digits.handler: ready", Level.INFO),
        ("2026-11-22 23:10:15,123 WARNING hot", Level.WARNING),
        ("2026-11-22T23:10:15.123+01:00 [ERROR] bad", Level.ERROR),
        ("2026-11-22 23:10:15,123 - digits.handler - CRITICAL - out of disk", Level.CRITICAL),
        ("[WARN] slow", Level.WARNING),
        ("error: no such file", Level.ERROR),
        ("Warning: deprecated", Level.WARNING),
        ("FATAL: gone", Level.CRITICAL),
        ("/opt/a.py:12: UserWarning: even kernel", Level.WARNING),
        ("found no ERROR in 12 files", None),
        ("Information about the model", None),
        ("ERRORS 0", None),
        ("", None),
    ],
)
def test_a_line_may_say_its_level_itself(text: str, level: Level | None) -> None:
    assert told(text) is level


def test_a_line_that_says_nothing_goes_by_its_stream() -> None:
    assert levels((Stream.STDOUT, "hello"), (Stream.STDERR, "hello")) == [Level.INFO, Level.WARNING]


def test_a_traceback_is_an_error_to_the_line_of_its_exception() -> None:
    said = levels(
        (Stream.STDERR, "Traceback (most recent call last):"),
        (Stream.STDERR, '  File "handler.py", line 3, in <module>'),
        (Stream.STDERR, "    import cv2"),
        (Stream.STDERR, "ModuleNotFoundError: No module named 'cv2'"),
        (Stream.STDERR, "going on"),
    )
    assert said == [Level.ERROR] * 4 + [Level.WARNING]


def test_a_chained_traceback_is_one_error() -> None:
    said = levels(
        (Stream.STDOUT, "Traceback (most recent call last):"),
        (Stream.STDOUT, "KeyError: 1"),
        (Stream.STDOUT, "During handling of the above exception, another exception occurred:"),
        (Stream.STDOUT, "hello"),
    )
    assert said == [Level.ERROR] * 3 + [Level.INFO]


def test_an_indented_line_goes_on_with_its_workers_own() -> None:
    reader = LevelReader()
    assert reader.level(LogLine(0.0, "9000", Stream.STDERR, "ERROR:a: bad")) is Level.ERROR
    assert reader.level(LogLine(0.0, "9001", Stream.STDERR, "   other")) is Level.WARNING
    assert reader.level(LogLine(0.0, "9000", Stream.STDERR, "   request 7")) is Level.ERROR
    assert reader.level(LogLine(0.0, "9000", Stream.STDERR, "calm")) is Level.WARNING


def test_what_marina_says_of_a_failed_worker_is_an_error() -> None:
    said = levels(
        (Stream.MARINA, "backing off: killed by SIGKILL"),
        (Stream.MARINA, "failed: exit code 1"),
        (Stream.MARINA, "draining: exit code 0, 1 request in flight failed"),
    )
    assert said == [Level.ERROR, Level.ERROR, Level.INFO]


def test_a_long_line_is_read_as_fast_as_a_short_one() -> None:
    started = time.thread_time()
    for text in ("1" + " " * 8000, "x" * 8000, "a - " * 2000, "1:" * 4000, "[" * 8000):
        assert told(text) is None
    assert time.thread_time() - started < 0.1
