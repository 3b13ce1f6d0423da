"""Prometheus' text as TorchServe writes it, read back by the parser of Prometheus' own client."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from engine.metrics.exposition import CONTENT_TYPE, exposition


def a_family(kind: str, name: str, *samples: tuple[dict[str, str], float], about: str = "about") -> Metric:
    family = Metric(name, about, kind)
    for labels, value in samples:
        family.add_sample(name, labels, value)
    return family


def test_counters_keep_their_names_and_labels_their_order() -> None:
    asked = {"model_name": "noop", "model_version": "default", "hostname": "vm"}
    requests = a_family("counter", "ts_inference_requests_total", (asked, 4))
    answers = a_family("counter", "Requests2XX", ({"Level": "Host", "Hostname": "vm"}, 1.5))
    assert exposition([requests, answers]).decode().splitlines() == [
        "# HELP ts_inference_requests_total about",
        "# TYPE ts_inference_requests_total counter",
        'ts_inference_requests_total{model_name="noop",model_version="default",hostname="vm",} 4.0',
        "# HELP Requests2XX about",
        "# TYPE Requests2XX counter",
        'Requests2XX{Level="Host",Hostname="vm",} 1.5',
    ]


def test_a_family_without_samples_is_told_of() -> None:
    assert exposition([a_family("gauge", "GPUUtilization")]) == (
        b"# HELP GPUUtilization about\n# TYPE GPUUtilization gauge\n"
    )
    assert exposition([]) == b""


def test_values_without_labels_and_without_bounds_are_written_too() -> None:
    family = a_family("gauge", "x", ({}, math.inf), about="two\nlines \\ one")
    assert exposition([family]) == b"# HELP x two\\nlines \\\\ one\n# TYPE x gauge\nx +Inf\n"


def test_the_content_type_is_the_one_that_was_recorded() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(values=st.dictionaries(TEXT, st.floats(allow_nan=False), max_size=5))
def test_any_label_value_reads_back(values: dict[str, float]) -> None:
    family = a_family("gauge", "x", *(({"Level": text}, value) for text, value in values.items()))
    [read] = text_string_to_metric_families(exposition([family]).decode())
    assert (read.name, read.type, read.documentation) == ("x", "gauge", "about")
    assert {sample.labels["Level"]: sample.value for sample in read.samples} == values
