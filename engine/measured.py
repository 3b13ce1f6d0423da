"""Versions as the metrics see them: what they know, and how what their handlers emit is collected. On the loop."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from engine.metrics.server import Figures

if TYPE_CHECKING:
    from engine.metrics.collected import Metrics
    from engine.version import Version
    from engine.workers.worker import WorkerPlan


def measured(plan: WorkerPlan, model: str, metrics: Metrics) -> WorkerPlan:
    """Return the plan for workers that know the declared metrics, and whose own are collected."""
    config = metrics.config
    load = {**plan.load, "model_metrics": config.model_section, "metrics_config": str(config.path)}
    return replace(plan, load=load, take_metrics=partial(metrics.take, model), took=partial(metrics.took, model))


def figures(versions: Collection[Version]) -> Figures:
    """Return the newest job's times, and how long each worker took to load (TorchServe: W-port-model_version)."""
    newest = max((version.queue.times for version in versions), key=lambda times: times.at, default=None)
    load_times = {
        f"W-{worker.id}-{version.spec.name}_{version.spec.version}": worker.load_time
        for version in versions
        for worker in version.pool.workers.values()
        if worker.load_time is not None
    }
    return Figures(newest if newest and newest.at else None, load_times)
