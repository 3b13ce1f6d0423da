"""A version's log keeps its newest lines, numbered, for whoever follows them."""

from __future__ import annotations

import itertools
import logging

import pytest

from engine.snapshots import LogLine, LogLines, Stream
from engine.workers.log import MOST_LINES, MOST_SIZE, WorkerLog


def make_log() -> WorkerLog:
    return WorkerLog("net", "1.0", itertools.count(100.0).__next__)


def texts(found: LogLines) -> list[str]:
    return [line.text for line in found.lines]


def test_a_line_knows_its_time_worker_and_stream() -> None:
    log = make_log()
    log.add("9000", Stream.STDOUT, "hello")
    log.add("9001", Stream.STDERR, "oh")
    log.add("9001", Stream.MARINA, "backing off: killed by SIGKILL")
    assert log.since(0) == LogLines(
        3,
        (
            LogLine(100.0, "9000", Stream.STDOUT, "hello"),
            LogLine(101.0, "9001", Stream.STDERR, "oh"),
            LogLine(102.0, "9001", Stream.MARINA, "backing off: killed by SIGKILL"),
        ),
    )


def test_a_follower_sees_each_line_once() -> None:
    log = make_log()
    seen: list[str] = []
    number = 0
    for text in ("a", "b", "", "c"):
        if text:
            log.add("9000", Stream.STDOUT, text)
        number, lines = log.since(number)
        seen += [line.text for line in lines]
    assert seen == ["a", "b", "c"]
    assert number == 3
    assert log.since(number) == LogLines(3, ())


def test_the_oldest_lines_go_when_there_are_too_many() -> None:
    log = make_log()
    for number in range(MOST_LINES + 10):
        log.add("9000", Stream.STDOUT, str(number))
    assert texts(log.since(0)) == [str(number) for number in range(10, MOST_LINES + 10)]
    assert texts(log.since(5)) == texts(log.since(0))
    assert texts(log.since(MOST_LINES + 8)) == [str(MOST_LINES + 8), str(MOST_LINES + 9)]


def test_the_oldest_lines_go_when_they_are_too_long() -> None:
    log = make_log()
    for letter in "abcde":
        log.add("9000", Stream.STDOUT, letter * (MOST_SIZE // 4))
    assert [line.text[0] for line in log.since(0).lines] == ["b", "c", "d", "e"]
    assert log.since(0).next == 5


@pytest.mark.parametrize("number", [-1, 3, 1000])
def test_whoever_comes_from_an_earlier_log_gets_everything(number: int) -> None:
    log = make_log()
    log.add("9000", Stream.STDOUT, "a")
    log.add("9000", Stream.STDOUT, "b")
    assert texts(log.since(number)) == ["a", "b"]


def test_an_empty_log_has_nothing_to_tell() -> None:
    assert make_log().since(0) == LogLines(0, ())
    assert make_log().since(7) == LogLines(0, ())


def test_lines_are_logged_with_model_version_worker_and_stream(caplog: pytest.LogCaptureFixture) -> None:
    log = make_log()
    with caplog.at_level(logging.INFO):
        log.add("9000", Stream.STDOUT, "hello")
        log.add("9000", Stream.STDERR, "oh 100%s")
        log.add("9000", Stream.MARINA, "backing off: exited with code 3")
    assert caplog.record_tuples == [
        ("marina.handlers", logging.INFO, "net 1.0 worker 9000 stdout: hello"),
        ("marina.handlers", logging.WARNING, "net 1.0 worker 9000 stderr: oh 100%s"),
        ("marina.workers", logging.WARNING, "net 1.0 worker 9000: backing off: exited with code 3"),
    ]
