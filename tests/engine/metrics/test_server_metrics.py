"""From plain numbers to the families that Marina fills itself."""

from __future__ import annotations

import pytest

from engine.devices.inventory import Gpu
from engine.metrics.declarations import BUNDLED, Declaration, Kind, load
from engine.metrics.server import (
    COUNTERS,
    GAUGES,
    Figures,
    fitting,
    gpu_values,
    host_values,
    misdeclared,
    server_metric,
    server_values,
)
from engine.metrics.system import System, gpu_readings
from engine.metrics.traffic import Answers, JobTimes, Traffic


def some_traffic(requests: int, latency: float, queued: float) -> Traffic:
    traffic = Traffic()
    traffic.requests, traffic.latency, traffic.queue_latency = requests, latency, queued
    return traffic


def test_answers_are_counted_by_their_status() -> None:
    answers = Answers()
    for status in (200, 299, 404, 499, 400, 500, 503, 100, 302, 999):
        answers.count(status)
    assert (answers.ok, answers.refused, answers.other) == (2, 3, 5)


def test_numbers_come_under_torchserves_names_and_units() -> None:
    times = JobTimes()
    times.at, times.queued, times.engine = 1, 0.002, 0.0005
    traffic = {("net", None): some_traffic(2, 0.25, 0.125), ("net", "1.0"): some_traffic(1, 0, 0)}
    values = server_values(Answers(), traffic, Figures(times, {"W-9000-net_1.0": 1.5}))
    assert values["ts_inference_requests_total"] == {("net", "default"): 2, ("net", "1.0"): 1}
    assert values["ts_inference_latency_microseconds"][("net", "default")] == 250_000
    assert values["ts_queue_latency_microseconds"][("net", "default")] == 125_000
    assert values["QueueTime"] == {("Host",): 2}
    assert values["WorkerThreadTime"] == {("Host",): 0.5}
    assert values["WorkerLoadTime"] == {("W-9000-net_1.0", "Host"): 1500}


def test_before_the_first_job_gauges_are_without_values() -> None:
    values = server_values(Answers(), {}, Figures())
    assert values["QueueTime"] == values["WorkerThreadTime"] == values["WorkerLoadTime"] == {}
    assert values["Requests5XX"] == {("Host",): 0}


def test_labels_are_named_by_the_declaration_and_end_with_the_machine() -> None:
    declared = Declaration("WorkerLoadTime", Kind.GAUGE, "ms", ("Who", "Where", "Machine"))
    family = server_metric(declared, {("W", "Host"): 3}, "vm")
    assert [(one.labels, one.value) for one in family.samples] == [({"Who": "W", "Where": "Host", "Machine": "vm"}, 3)]


@pytest.mark.parametrize(
    "declared",
    [
        Declaration("Requests2XX", Kind.GAUGE, "", ("Level", "Hostname")),
        Declaration("Requests2XX", Kind.COUNTER, "", ("Hostname",)),
    ],
)
def test_what_is_declared_as_what_it_is_not_stays_empty_and_is_named(declared: Declaration) -> None:
    assert fitting(declared, {("Host",): 1}) == {}
    assert misdeclared({"Requests2XX": declared}) == ["Requests2XX is a counter with 2 dimensions"]


def test_the_bundled_file_declares_everything_as_it_is() -> None:
    declared = load(BUNDLED).server
    assert misdeclared(declared) == []
    assert declared.keys() == {*COUNTERS, *GAUGES}


def test_the_system_tells_plausible_figures() -> None:
    system = System()
    first, second = system.read(), system.read()
    assert host_values(first).keys() <= GAUGES.keys()
    for readings in (first, second):
        assert 0 <= readings["CPUUtilization"] <= 100
        assert 0 < readings["MemoryUtilization"] <= 100
        assert 0 < readings["DiskUtilization"] <= 100
        assert readings["MemoryAvailable"] > 1
        assert readings["DiskUsage"] > 0


def test_gpus_are_told_by_machine_and_id() -> None:
    mute = Gpu(1)
    busy = Gpu(0, memory_total=80 * 1024**2, memory_used=20 * 1024**2, utilization=7, memory_utilization=3)
    values = gpu_values(gpu_readings([busy, mute]))
    assert values == {
        "GPUUtilization": {("Host", "0"): 7, ("Host", "1"): 0},
        "GPUMemoryUtilization": {("Host", "0"): 25},
        "GPUMemoryUsed": {("Host", "0"): 20, ("Host", "1"): 0},
    }
    family = server_metric(load(BUNDLED).server["GPUUtilization"], values["GPUUtilization"], "vm")
    assert [one.labels for one in family.samples] == [
        {"Level": "Host", "DeviceId": "0", "Hostname": "vm"},
        {"Level": "Host", "DeviceId": "1", "Hostname": "vm"},
    ]


def test_without_gpus_their_families_are_without_values() -> None:
    assert gpu_values(gpu_readings(())) == {"GPUUtilization": {}, "GPUMemoryUtilization": {}, "GPUMemoryUsed": {}}
