"""The families that Marina fills itself: from plain numbers to values under TorchServe's names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client import Metric

from engine.metrics.declarations import Declaration, Kind
from engine.metrics.families import empty_metric
from engine.metrics.traffic import Answers, JobTimes, Refused, Traffic

# Values of one family by the values of its labels, the machine's name left out.
Values = dict[tuple[str, ...], float]
# Whom predictions were asked of: a model, and the version if the request named one.
Asked = tuple[str, str | None]

MICROSECONDS = 1e6
MILLISECONDS = 1e3
HOST = ("Host",)
# How many labels each family has before the machine's name.
COUNTERS = {
    "Requests2XX": 1,
    "Requests4XX": 1,
    "Requests5XX": 1,
    "ts_inference_requests_total": 2,
    "ts_inference_latency_microseconds": 2,
    "ts_queue_latency_microseconds": 2,
}
GAUGES = {
    "QueueTime": 1,
    "WorkerThreadTime": 1,
    "WorkerLoadTime": 2,
    "CPUUtilization": 1,
    "MemoryUsed": 1,
    "MemoryAvailable": 1,
    "MemoryUtilization": 1,
    "DiskUsage": 1,
    "DiskUtilization": 1,
    "DiskAvailable": 1,
    "GPUUtilization": 2,
    "GPUMemoryUtilization": 2,
    "GPUMemoryUsed": 2,
}
KNOWN = {Kind.COUNTER: COUNTERS, Kind.GAUGE: GAUGES}
# Marina's own, beside what metrics_config declares; TorchServe's text stays as it is as long as nothing was refused.
REFUSALS = Declaration("marina_refusals_total", Kind.COUNTER, "Count", ("reason", "hostname"))
TASK_FAILURES = Declaration("marina_task_failures_total", Kind.COUNTER, "Count", ("task", "hostname"))
HELP = {
    REFUSALS.name: "Requests and connections that a limit or a guard turned away",
    TASK_FAILURES.name: "Turns of periodic tasks that failed",
}
# TorchServe: these are Prometheus counters in the mode `legacy` too.
LEGACY = frozenset(name for name in COUNTERS if name.startswith("ts_"))


@dataclass(frozen=True, slots=True)
class Figures:
    """What versions and workers know: the newest job's times, and how long each worker took to load, in seconds."""

    job_times: JobTimes | None = None
    load_times: Mapping[str, float] = field(default_factory=dict)


def server_values(answers: Answers, traffic: Mapping[Asked, Traffic], figures: Figures) -> dict[str, Values]:
    """Return the values of every family but the system's."""
    asked = {(name, version or "default"): one for (name, version), one in traffic.items()}
    times = figures.job_times
    return {
        "Requests2XX": {HOST: answers.ok},
        "Requests4XX": {HOST: answers.refused},
        "Requests5XX": {HOST: answers.other},
        "ts_inference_requests_total": {key: one.requests for key, one in asked.items()},
        "ts_inference_latency_microseconds": {key: one.latency * MICROSECONDS for key, one in asked.items()},
        "ts_queue_latency_microseconds": {key: one.queue_latency * MICROSECONDS for key, one in asked.items()},
        "QueueTime": {HOST: times.queued * MILLISECONDS} if times else {},
        "WorkerThreadTime": {HOST: times.engine * MILLISECONDS} if times else {},
        "WorkerLoadTime": {(name, "Host"): time * MILLISECONDS for name, time in figures.load_times.items()},
    }


def host_values(readings: Mapping[str, float]) -> dict[str, Values]:
    """Return what the system says, as values of the whole machine."""
    return {name: {HOST: value} for name, value in readings.items()}


def gpu_values(readings: Mapping[str, Mapping[str, float]]) -> dict[str, Values]:
    """Return what the GPUs say, as values of the machine and the GPU's id."""
    return {name: {(*HOST, gpu_id): value for gpu_id, value in found.items()} for name, found in readings.items()}


def misdeclared(declared: Mapping[str, Declaration]) -> list[str]:
    """Return, in words, which families cannot be filled because they are declared as what they are not."""
    return [
        f"{one.name} is a {kind} with {labels + 1} dimensions"
        for kind, known in KNOWN.items()
        for name, labels in known.items()
        if (one := declared.get(name)) and not (one.kind is kind and len(one.labels) == labels + 1)
    ]


def fitting(declared: Declaration, values: Values) -> Values:
    """Return the values of a family; none when it is declared as what it is not."""
    labels = KNOWN.get(declared.kind, {}).get(declared.name)
    return values if labels is not None and len(declared.labels) == labels + 1 else {}


def server_metric(declared: Declaration, values: Values, host: str) -> Metric:
    """Return a family with its values."""
    family = empty_metric(declared)
    family.documentation = HELP.get(declared.name, family.documentation)
    for key, value in values.items():
        family.add_sample(family.name, dict(zip(declared.labels, (*key, host), strict=True)), value)
    return family


def refusal_values(refusals: Mapping[Refused, int]) -> Values:
    """Return what was turned away, by the limit or the guard that did so."""
    return {(reason.value,): count for reason, count in refusals.items()}


def failure_values(failures: Mapping[str, int]) -> Values:
    """Return how many turns of periodic tasks failed, by the task's name."""
    return {(task,): count for task, count in failures.items()}
