"""What a family keeps: how values combine, how many series there may be, and whose they are."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.metrics.declarations import Declaration, Kind
from engine.metrics.exposition import exposition
from engine.metrics.families import MAX_LABEL, MAX_SERIES, Family, FamilyFullError


def a_family(kind: Kind = Kind.GAUGE) -> Family:
    return Family(Declaration("Size", kind, "MB", ("Level", "Hostname")))


def values(family: Family) -> dict[str, float]:
    return {sample.labels["Level"]: sample.value for sample in family.metric().samples}


@pytest.mark.parametrize(("kind", "last"), [(Kind.COUNTER, 7), (Kind.GAUGE, 4)])
def test_counters_add_up_and_gauges_are_replaced(kind: Kind, last: float) -> None:
    family = a_family(kind)
    for value in (3, 4):
        family.update(("a", "vm"), value, "net")
    family.update(("b", "vm"), 1, "net")
    assert values(family) == {"a": last, "b": 1}


def test_the_help_text_is_torchserves() -> None:
    family = a_family().metric()
    assert family.documentation == "Torchserve prometheus gauge metric with unit: MB"
    assert family.samples == []


def test_a_histogram_counts_in_the_clients_buckets() -> None:
    family = a_family(Kind.HISTOGRAM)
    for value in (0.005, 0.3, 11):
        family.update(("a", "vm"), value, "net")
    [read] = text_string_to_metric_families(exposition([family.metric()]).decode())
    samples = {(sample.name, sample.labels.get("le")): sample.value for sample in read.samples}
    assert read.type == "histogram"
    assert len(samples) == 17
    assert samples["Size_bucket", "0.005"] == 1
    assert samples["Size_bucket", "0.25"] == 1
    assert samples["Size_bucket", "0.5"] == 2
    assert samples["Size_bucket", "10.0"] == 2
    assert samples["Size_bucket", "+Inf"] == samples["Size_count", None] == 3
    assert samples["Size_sum", None] == pytest.approx(11.305)
    assert {sample.labels["Level"] for sample in read.samples} == {"a"}


def test_a_family_keeps_so_many_series_and_goes_on_with_those() -> None:
    family = a_family(Kind.COUNTER)
    for number in range(MAX_SERIES):
        family.update((str(number), "vm"), 1, "net")
    with pytest.raises(FamilyFullError, match=f"Size has {MAX_SERIES} sets"):
        family.update(("one more", "vm"), 1, "net")
    family.update(("7", "vm"), 1, "net")
    assert family.series == MAX_SERIES
    assert values(family)["7"] == 2


def test_a_long_label_value_is_refused() -> None:
    with pytest.raises(FamilyFullError, match=f"longer than {MAX_LABEL}"):
        a_family().update(("x" * (MAX_LABEL + 1), "vm"), 1, "net")


def test_series_go_with_their_models() -> None:
    family = a_family()
    family.update(("a", "vm"), 1, "net")
    family.update(("b", "vm"), 2, "other")
    family.update(("both", "vm"), 3, "net")
    family.update(("both", "vm"), 4, "other")
    family.retain(["other", "third"])
    assert values(family) == {"b": 2, "both": 4}
    family.update(("a", "vm"), 5, "net")
    assert values(family)["a"] == 5
