"""Which values of handlers are taken, and what is said about the others."""

from __future__ import annotations

import logging
from typing import Literal

import pytest

from engine.metrics import models
from engine.metrics.declarations import Declaration, Kind
from engine.metrics.lines import model_text
from engine.metrics.models import ModelMetrics
from engine.workers.channel import Emitted

TIME = Declaration("PredictionTime", Kind.GAUGE, "ms", ("ModelName", "Level", "Hostname"))
LEVEL = ("Level", "Model")


def collected(*, detect: bool = False, in_log: bool = False) -> ModelMetrics:
    return ModelMetrics({"PredictionTime": TIME}, "vm", detect=detect, in_log=in_log)


def emitted(
    name: str = "PredictionTime",
    value: float = 1.5,
    kind: Literal["counter", "gauge", "histogram"] = "gauge",
    *dimensions: tuple[str, str],
    ids: tuple[str, ...] = ("a", "b"),
) -> Emitted:
    return Emitted(name, value, "Milliseconds", kind, dimensions or (("ModelName", "net"), LEVEL), ids)


def shown(metrics: ModelMetrics) -> dict[str, list[tuple[dict[str, str], float]]]:
    return {family.name: [(one.labels, one.value) for one in family.samples] for family in metrics.metrics()}


def test_a_declared_metric_is_shown_by_the_labels_of_its_declaration() -> None:
    metrics = collected()
    metrics.take("net", [emitted("PredictionTime", 2, "gauge", ("Anything", "net"), ("Goes", "Model"))])
    labels = {"ModelName": "net", "Level": "Model", "Hostname": "vm"}
    assert shown(metrics) == {"PredictionTime": [(labels, 2)]}


def test_what_is_not_declared_is_passed_over_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    metrics = collected()
    metrics.take("net", [emitted("Thinking")])
    assert shown(metrics) == {"PredictionTime": []}
    assert caplog.text == ""


def test_detection_adds_a_family_as_it_was_first_emitted() -> None:
    metrics = collected(detect=True)
    metrics.take("net", [emitted("Seen", 2, "counter", LEVEL), emitted("Seen", 3, "counter", LEVEL)])
    [_, family] = metrics.metrics()
    assert (family.name, family.type) == ("Seen", "counter")
    assert family.documentation == "Torchserve prometheus counter metric with unit: Milliseconds"
    assert [(one.labels, one.value) for one in family.samples] == [({"Level": "Model", "Hostname": "vm"}, 5)]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (emitted(kind="counter"), "it is a counter, declared as a gauge"),
        (emitted("PredictionTime", 1, "gauge", LEVEL), "it has 1 dimensions, declared are ModelName, Level"),
        (emitted("PredictionTime", 1, "gauge", LEVEL, ("A", "x" * 2000)), "longer than 1000 characters"),
        (emitted("my metric"), "is no name for a metric"),
        (emitted("Other", 1, "gauge", ("Hostname", "mine")), "names a dimension twice"),
    ],
)
def test_what_does_not_fit_is_named_once(caplog: pytest.LogCaptureFixture, one: Emitted, reason: str) -> None:
    metrics = collected(detect=True)
    metrics.take("net", [one, one, emitted()])
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert reason in caplog.text
    assert "of net is not updated" in caplog.text
    assert len(shown(metrics)["PredictionTime"]) == 1


def test_a_handler_that_makes_names_and_labels_up_fills_no_memory(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MAX_DETECTED", 3)
    metrics = collected(detect=True)
    metrics.take("net", [emitted(f"m{number}") for number in range(500)])
    metrics.take("net", [emitted("m0", 1, "gauge", ("ModelName", str(number)), LEVEL) for number in range(2000)])
    assert list(shown(metrics)) == ["PredictionTime", "m0", "m1", "m2"]
    assert len(shown(metrics)["m0"]) == 1000
    assert len(caplog.records) == models.MAX_TOLD


def test_series_and_detected_families_go_with_their_models() -> None:
    metrics = collected(detect=True)
    metrics.take("net", [emitted(), emitted("Mine")])
    metrics.take("other", [emitted("Theirs")])
    metrics.retain(["other"])
    assert {name: len(samples) for name, samples in shown(metrics).items()} == {"PredictionTime": 0, "Theirs": 1}


def test_for_the_log_each_value_is_a_line_and_no_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1700000000.9)
    metrics = collected(in_log=True)
    metrics.take("net", [emitted(), emitted(value=3)])
    assert [model_text(line) for line in metrics.take_lines()] == [
        f"PredictionTime.ms:{value}|#ModelName:net,Level:Model|#hostname:vm,requestID:a,b,timestamp:1700000000"
        for value in (1.5, 3.0)
    ]
    assert metrics.take_lines() == []
    assert shown(metrics) == {"PredictionTime": []}


def test_so_many_lines_wait_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    metrics = collected(in_log=True)
    metrics.take("net", [emitted()] * (models.MAX_LINES + 5))
    assert len(metrics.take_lines()) == models.MAX_LINES
    assert len(caplog.records) == 1
