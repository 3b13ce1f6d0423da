"""What handlers emit through `context.metrics`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from ts.metrics import emission
from ts.metrics.caching_metric import CachingMetric
from ts.metrics.dimension import Dimension
from ts.metrics.metric import Metric
from ts.metrics.metric_cache_errors import (
    MetricsCacheKeyError,
    MetricsCachePyYamlError,
    MetricsCacheTypeError,
    MetricsCacheValueError,
)
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
from ts.metrics.metric_type_enum import MetricTypes

if TYPE_CHECKING:
    from pathlib import Path

MODEL = [["ModelName", "net"], ["Level", "Model"]]


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(emission, "_sinks", [found.append])
    return found


@pytest.fixture
def cache() -> MetricsCacheYamlImpl:
    cache = MetricsCacheYamlImpl()
    cache.model_name = "net"
    cache.set_request_ids({0: "a", 1: "b"})
    return cache


def test_each_call_has_its_type_and_unit(cache: MetricsCacheYamlImpl, emitted: list[dict[str, Any]]) -> None:
    cache.add_counter("c", 1)
    cache.add_time("t", 1.5)
    cache.add_time("s", 2, unit="s")
    cache.add_size("m", 3, None, "kB")
    cache.add_percent("p", 4)
    cache.add_error("e", 5)
    cache.add_metric("x", 6, "furlongs", metric_type=MetricTypes.HISTOGRAM)
    assert [(metric["name"], metric["type"], metric["unit"]) for metric in emitted] == [
        ("c", "counter", "Count"),
        ("t", "gauge", "Milliseconds"),
        ("s", "gauge", "Seconds"),
        ("m", "gauge", "Kilobytes"),
        ("p", "gauge", "Percent"),
        ("e", "counter", "unit"),
        ("x", "histogram", "furlongs"),
    ]
    assert [metric["value"] for metric in emitted] == [1, 1.5, 2, 3, 4, 5, 6]
    assert emitted[0]["dimensions"] == MODEL
    assert emitted[5]["dimensions"] == [["Level", "Error"]]
    assert cache.cache_keys() == [
        "counter:c", "counter:e", "gauge:t", "gauge:s", "gauge:m", "gauge:p", "histogram:x"
    ]  # fmt: skip


def test_a_value_belongs_to_one_request_or_to_all(cache: MetricsCacheYamlImpl, emitted: list[dict[str, Any]]) -> None:
    cache.add_counter("c", 1, 1)
    cache.add_counter("c", 1)
    cache.set_request_ids({})
    cache.add_counter("c", 1, 0)
    assert [metric["request_ids"] for metric in emitted] == [["b"], ["a", "b"], []]


def test_given_dimensions_come_first_and_stay_untouched(
    cache: MetricsCacheYamlImpl, emitted: list[dict[str, Any]]
) -> None:
    given = [Dimension("Colour", "red"), Dimension("Level", "Mine")]
    cache.add_counter("c", 1, dimensions=given)
    assert emitted[0]["dimensions"] == [["Colour", "red"], ["Level", "Mine"], ["ModelName", "net"]]
    assert [str(dimension) for dimension in given] == ["Colour:red", "Level:Mine"]


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "many", None])
def test_a_value_that_cannot_be_counted_is_logged_and_dropped(
    cache: MetricsCacheYamlImpl, emitted: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    with caplog.at_level(logging.ERROR):
        cache.add_counter("c", value)
    assert emitted == []
    assert "Metric c is not updated" in caplog.text


def test_a_gauge_may_be_negative_and_anything_that_is_a_float(
    cache: MetricsCacheYamlImpl, emitted: list[dict[str, Any]]
) -> None:
    cache.add_percent("p", "-2.5")  # type: ignore[arg-type]  # as tensors and numpy values are
    assert emitted[0]["value"] == -2.5


def test_an_unknown_unit_is_refused(cache: MetricsCacheYamlImpl) -> None:
    with pytest.raises(MetricsCacheValueError, match="ms, s, not 'hours'"):
        cache.add_time("t", 1, unit="hours")
    with pytest.raises(MetricsCacheValueError, match="B, kB, MB, GB, not 'TB'"):
        cache.add_size("t", 1, unit="TB")


def test_a_declared_metric_is_found_and_keeps_its_unit_and_dimensions(
    cache: MetricsCacheYamlImpl, emitted: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    declared = cache.add_metric_to_cache("t", "s", ["ModelName", "Level"], MetricTypes.GAUGE)
    assert cache.get_metric("t", MetricTypes.GAUGE) is declared
    cache.add_time("t", 1)
    assert emitted[0]["unit"] == "Seconds"
    declared.add_or_update(2, ["only one"])
    assert len(emitted) == 1
    assert "1 values for the dimensions" in caplog.text
    with pytest.raises(MetricsCacheKeyError):
        cache.get_metric("t")


@pytest.mark.parametrize("arguments", [(1, "s"), ("a", None), ("a", "s", "dimension"), ("a", "s", [], "counter")])
def test_a_declaration_with_wrong_types_is_refused(cache: MetricsCacheYamlImpl, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(MetricsCacheTypeError):
        cache.add_metric_to_cache(*arguments)


def test_update_replaces_the_dimensions(emitted: list[dict[str, Any]]) -> None:
    metric = CachingMetric("m", "count", ["Old"])
    metric.update(1, "a,b", [Dimension("New", 1)])
    assert emitted[0]["dimensions"] == [["New", "1"]]
    assert emitted[0]["request_ids"] == ["a", "b"]


def test_metrics_are_declared_in_a_yaml(tmp_path: Path) -> None:
    file = tmp_path / "metrics.yaml"
    file.write_text("model_metrics:\n  gauge:\n    - {name: t, unit: ms, dimensions: [Level]}\n  counter:\n")
    cache = MetricsCacheYamlImpl(str(file))
    cache.initialize_cache()
    assert cache.cache_keys() == ["gauge:t"]
    assert cache.get_metric("t", MetricTypes.GAUGE).dimension_names == ["Level"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("a: [", MetricsCachePyYamlError),
        ("a: 1", MetricsCacheKeyError),
        ("model_metrics: {odd: [{name: a, unit: b, dimensions: []}]}", MetricsCacheKeyError),
        ("model_metrics: {gauge: [{name: a}]}", MetricsCacheKeyError),
    ],
)
def test_a_wrong_yaml_is_refused(tmp_path: Path, content: str, error: type[Exception]) -> None:
    file = tmp_path / "metrics.yaml"
    file.write_text(content)
    with pytest.raises(error, match=r"metrics\.yaml"):
        MetricsCacheYamlImpl(str(file)).initialize_cache()


def test_a_metric_of_the_old_kind_counts_for_itself() -> None:
    metric = Metric("m", 1, "MB", [Dimension("a", "b")], "id", "counter")
    metric.update(2)
    content = metric.to_dict()
    assert content.pop("Timestamp") > 0
    assert content == {
        "MetricName": "m",
        "Value": 3,
        "Unit": "Megabytes",
        "Dimensions": [{"Name": "a", "Value": "b"}],
        "RequestId": "id",
    }
    metric.reset()
    assert metric.value == 0
