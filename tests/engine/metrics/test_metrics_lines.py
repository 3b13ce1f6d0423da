"""Metrics as lines of TorchServe's log files."""

from __future__ import annotations

import logging

import pytest

from engine.metrics.declarations import Declaration, Kind
from engine.metrics.lines import MODEL_LOG, SERVER_LOG, Line, ServerLines, model_text, server_text, write
from engine.metrics.server import Values

ASKED = Declaration("ts_inference_requests_total", Kind.COUNTER, "Count", ("model_name", "model_version", "hostname"))
QUEUE = Declaration("QueueTime", Kind.GAUGE, "Milliseconds", ("Level", "Hostname"))


def families(asked: float, queue: float | None = None) -> list[tuple[Declaration, Values]]:
    return [(ASKED, {("net", "default"): asked}), (QUEUE, {} if queue is None else {("Host",): queue})]


def test_the_lines_are_torchserves() -> None:
    assert server_text(Line(QUEUE, ("Host", "vm"), 0, 17)) == (
        "QueueTime.Milliseconds:0.0|#Level:Host|#hostname:vm,timestamp:17"
    )
    assert server_text(Line(ASKED, ("net", "default", "vm"), 2, 17)) == (
        "ts_inference_requests_total.Count:2.0|#model_name:net,model_version:default|#hostname:vm,timestamp:17"
    )


def test_a_handlers_text_stays_on_its_line() -> None:
    line = Line(QUEUE, ("a\nb\r\x1b[0m", "vm"), 1, 17, ("id\n",))
    assert model_text(line) == ("QueueTime.Milliseconds:1.0|#Level:a b  [0m|#hostname:vm,requestID:id ,timestamp:17")


def test_counters_are_told_by_what_was_added_and_gauges_when_they_move() -> None:
    lines = ServerLines()
    told = [
        [(line.declared.name, line.value, line.timestamp) for line in lines.news(now, "vm", timestamp)]
        for timestamp, now in enumerate([families(0), families(3, 1.5), families(3, 1.5), families(5, 2.5)])
    ]
    assert told == [
        [],
        [(ASKED.name, 3, 1), (QUEUE.name, 1.5, 1)],
        [],
        [(ASKED.name, 2, 3), (QUEUE.name, 2.5, 3)],
    ]


def test_a_series_that_comes_back_counts_from_nothing() -> None:
    lines = ServerLines()
    lines.news(families(5), "vm", 0)
    assert lines.news([], "vm", 1) == []
    assert [line.value for line in lines.news(families(2), "vm", 2)] == [2]


def test_each_log_gets_one_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    line = Line(QUEUE, ("Host", "vm"), 1, 17)
    write([line, line], [line])
    write([], [])
    assert [(record.name, record.getMessage().count("\n")) for record in caplog.records] == [
        (SERVER_LOG, 1),
        (MODEL_LOG, 0),
    ]
