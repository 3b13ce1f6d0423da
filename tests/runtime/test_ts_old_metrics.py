"""Metrics as handlers of old keep them, and the programs that measure the machine."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import ts.metrics
from ts.metrics import process_memory_metric, system_metrics
from ts.metrics.dimension import Dimension
from ts.metrics.metric_encoder import MetricEncoder
from ts.metrics.metrics_store import MetricsStore

HANDLER_PATH = Path(ts.metrics.__file__).parents[2]


def test_a_store_keeps_each_kind_of_metric() -> None:
    store = MetricsStore({0: "a", 1: "b"}, "net")
    store.add_counter("Seen", 1)
    store.add_time("Took", 2, idx=1)
    store.add_size("Weight", 3, unit="GB")
    store.add_percent("Share", 4)
    store.add_error("Wrong", 5, [Dimension("Kind", "x")])
    store.add_metric("Other", 6, unit="apples")
    kept = [(one.name, one.value, one.unit, one.request_id) for one in store.store]
    assert kept == [
        ("Seen", 1, "Count", "a,b"),
        ("Took", 2, "Milliseconds", "b"),
        ("Weight", 3, "Gigabytes", "a,b"),
        ("Share", 4, "Percent", "a,b"),
        ("Wrong", 5, "unit", None),
        ("Other", 6, "apples", "a,b"),
    ]
    assert [str(dimension) for dimension in store.store[4].dimensions] == ["Kind:x", "Level:Error"]
    assert [str(dimension) for dimension in store.store[0].dimensions] == ["ModelName:net", "Level:Model"]


def test_counters_of_a_store_add_up_and_the_rest_is_replaced() -> None:
    store = MetricsStore("id", "net")
    for value in (1, 2):
        store.add_counter("Seen", value)
        store.add_percent("Share", value)
    assert [one.value for one in store.store] == [3, 2]


def test_a_store_refuses_units_of_another_kind() -> None:
    store = MetricsStore("id", "net")
    with pytest.raises(ValueError, match="Took must be one of ms, s, not 'MB'"):
        store.add_time("Took", 1, unit="MB")
    with pytest.raises(ValueError, match="Weight must be one of B, kB, MB, GB, not 's'"):
        store.add_size("Weight", 1, unit="s")


def test_metrics_are_written_as_json() -> None:
    store = MetricsStore("id", "net")
    store.add_counter("Seen", 1)
    [found] = json.loads(json.dumps(store.store, cls=MetricEncoder))
    assert (found["MetricName"], found["Dimensions"][0]) == ("Seen", {"Name": "ModelName", "Value": "net"})
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(object(), cls=MetricEncoder)


def test_a_metric_shows_as_torchserves_line() -> None:
    store = MetricsStore("id", "net")
    store.add_counter("Seen", 1)
    line = str(store.store[0])
    assert line.startswith("Seen.Count:1|#ModelName:net,Level:Model|#hostname:")
    assert line.endswith(",id")


def test_the_machine_is_measured(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(system_metrics, "system_metrics", [])
    with caplog.at_level(logging.INFO):
        system_metrics.collect_all(system_metrics, 0)
    names = [line.partition(".")[0] for line in caplog.messages]
    assert names == [
        "CPUUtilization",
        "MemoryUsed",
        "MemoryAvailable",
        "MemoryUtilization",
        "DiskUsage",
        "DiskUtilization",
        "DiskAvailable",
        "",
    ]


def test_processes_are_measured(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        process_memory_metric.check_process_mem_usage(io.StringIO(f"{os.getpid()},\n"))
    [(pid, size)] = [line.split(":") for line in caplog.messages]
    assert int(pid) == os.getpid()
    assert 0 < int(size) < psutil.virtual_memory().total
    assert process_memory_metric.get_cpu_usage(2**30) == 0


def test_the_collector_prints_metrics_then_processes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ts.metrics.metric_collector", "--gpu", "0"],
        input=f"{os.getpid()}\n",
        env={**os.environ, "PYTHONPATH": str(HANDLER_PATH)},
        text=True,
        capture_output=True,
        timeout=60,
        check=True,
    )
    metrics, _, processes = done.stdout.partition("\n\n")
    assert metrics.count("\n") == 6
    assert processes.startswith(f"{os.getpid()}:")
