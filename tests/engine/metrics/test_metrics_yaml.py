"""Which families the metrics YAML declares, and what is wrong with one that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.errors import SettingsError
from engine.metrics.declarations import BUNDLED, DeclarationError, Kind, load, parse

PATH = Path("metrics.yaml")
ENTRY = {"name": "Seen", "unit": "Count", "dimensions": ["ModelName"]}


def a_section(kind: str = "counter", **changed: Any) -> dict[str, Any]:
    return {"ts_metrics": {}, "model_metrics": {kind: [{**ENTRY, **changed}]}}


def test_the_bundled_file_declares_what_torchserve_does() -> None:
    config = load(BUNDLED)
    assert len(config.server) == 19
    assert config.server["ts_inference_requests_total"].labels == ("model_name", "model_version", "hostname")
    assert config.server["GPUMemoryUsed"].labels == ("Level", "DeviceId", "Hostname")
    assert {one.unit for one in config.model.values()} == {"ms"}
    assert config.model["HandlerTime"].labels == ("ModelName", "Level", "Hostname")
    assert config.model["PredictionTime"].kind is Kind.GAUGE


def test_workers_get_the_section_as_it_stands_in_the_file() -> None:
    config = parse(a_section(), PATH)
    assert config.model_section == {"counter": [ENTRY]}
    assert config.model["Seen"].labels == ("ModelName", "Hostname")


def test_anchors_empty_sections_and_a_missing_unit_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "metrics.yaml"
    file.write_text(
        "dimensions:\n  - &level Level\nts_metrics:\n  gauge:\nmodel_metrics:\n  histogram:\n"
        "    - {name: Size, dimensions: [*level]}\n"
    )
    config = load(file)
    assert config.server == {}
    assert (config.model["Size"].kind, config.model["Size"].unit) == (Kind.HISTOGRAM, "")
    assert config.model["Size"].labels == ("Level", "Hostname")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "no sections"),
        ({"model_metrics": 3}, "model_metrics is no mapping"),
        ({"model_metrics": {"summary": []}}, "holds summary; there are counter, gauge and histogram"),
        ({"ts_metrics": {"gauge": {"name": "x"}}}, "ts_metrics.gauge is no list"),
        ({"ts_metrics": {"gauge": [{"unit": "x"}]}}, "an entry of ts_metrics.gauge has no name"),
        (a_section(dimensions="Level"), "the dimensions of Seen are no list"),
        (a_section(dimensions=["Level", "Level"]), "Seen names a dimension twice"),
        (a_section(dimensions=["Hostname"]), "Seen names a dimension twice"),
        (a_section(dimensions=["my level"]), "'my level' is no name for a dimension"),
        (a_section(name="my metric"), "'my metric' is no name for a metric"),
        ({"model_metrics": {"counter": [ENTRY], "gauge": [ENTRY]}}, "Seen is declared twice"),
        ({"ts_metrics": {"gauge": [ENTRY]}, "model_metrics": {"counter": [ENTRY]}}, "Seen: one name may not stand in"),
    ],
)
def test_what_is_wrong_is_said_in_words(content: Any, reason: str) -> None:
    with pytest.raises(DeclarationError) as refusal:
        parse(content, PATH)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a: [", "expected the node content"),
        (b"\xff\xfe\xfd", "truncated data"),
        (b"a: 2026-99-99", "month must be in"),
        (yaml.safe_dump([1]).encode(), "no sections"),
        (None, "No such file"),
    ],
)
def test_an_unusable_file_is_named_with_the_way_out(tmp_path: Path, data: bytes | None, reason: str) -> None:
    file = tmp_path / "metrics.yaml"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(SettingsError, match="leave metrics_config out for the default") as refusal:
        load(file)
    assert str(file) in str(refusal.value)
    assert reason in str(refusal.value)
