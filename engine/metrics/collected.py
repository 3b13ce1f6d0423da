"""Everything that Marina measures, in one place: who counts, who samples, and who reads. On the loop.

`metrics_mode` says where it goes: with `prometheus` to the metrics address, with `log` to log files, with `legacy` to
log files but for the three `ts_` counters. The hot path knows nothing of it: its plain numbers are read once a second
for the log, and for the metrics address when somebody asks. Text is made in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial

from prometheus_client import Metric

from engine.devices.inventory import Gpu
from engine.errors import UnavailableError
from engine.metrics import access
from engine.metrics.declarations import BUNDLED, Declaration, MetricsConfig, load
from engine.metrics.exposition import exposition
from engine.metrics.lines import Line, ServerLines, write
from engine.metrics.models import ModelMetrics
from engine.metrics.server import (
    LEGACY,
    REFUSALS,
    TASK_FAILURES,
    Asked,
    Figures,
    Values,
    failure_values,
    fitting,
    gpu_values,
    host_values,
    misdeclared,
    refusal_values,
    server_metric,
    server_values,
)
from engine.metrics.system import System, gpu_readings
from engine.metrics.traffic import Answers, Refused, Traffic
from engine.settings import Settings
from engine.tasks import TaskGroup
from engine.threads import Threads
from engine.workers.channel import Emitted

log = logging.getLogger(__name__)

LOG_SECONDS = 1.0


class Metrics:
    """The metrics of one engine. `answers` counts what the listeners answer, `refusals` what is turned away.

    `access` collects answers for the access log, None where there is none.
    """

    def __init__(
        self, settings: Settings, figures: Callable[[], Figures], gpus: Callable[[], Sequence[Gpu]] = tuple
    ) -> None:
        """`figures` is asked whenever somebody reads, `gpus` with each look at the machine. Nothing before `start`."""
        self.answers = Answers()
        self.refusals: Counter[Refused] = Counter()
        # Failed turns of periodic tasks, by the task's name.
        self.task_failures: Counter[str] = Counter()
        self.access = access.access_log(settings.log_options)
        self.config = MetricsConfig(BUNDLED, {}, {}, {})
        self._settings = settings
        self._figures = figures
        self._gpus = gpus
        self._host = socket.gethostname()
        self._traffic: dict[Asked, Traffic] = {}
        self._system: dict[str, Values] = {}
        self._models = ModelMetrics({}, self._host, detect=False, in_log=False)
        self._server_lines = ServerLines()
        self._tasks = TaskGroup(failures=self.task_failures)
        self._machine = System()
        self._threads = Threads("marina-metrics", 1)
        self._in_log = False
        self._closed = False

    async def start(self) -> None:
        """Read which families there are, and begin to sample; raises SettingsError for an unusable metrics_config."""
        settings = self._settings
        self.config = await self._threads.run(load, settings.metrics_config or BUNDLED)
        for problem in misdeclared(self.config.server):
            log.warning("%s: %s; as it is declared there, it stays empty", self.config.path, problem)
        self._in_log = settings.metrics_mode != "prometheus"
        detect = settings.model_metrics_auto_detect
        self._models = ModelMetrics(self.config.model, self._host, detect=detect, in_log=self._in_log)
        if not settings.disable_system_metrics:
            self._tasks.repeat(self._sample_system, "system metrics", settings.metric_time_interval)
        if self._in_log:
            self._tasks.repeat(self._write_log, "metrics log", LOG_SECONDS, at_once=False)
        if self.access is not None:
            self._tasks.repeat(partial(self._write_access_log, self.access), "access log", access.PAUSE)

    async def aclose(self) -> None:
        """Write what is left and end the thread. Safe to call twice."""
        self._closed = True
        await self._tasks.aclose()
        if self._in_log:
            self._in_log = False
            await self._write_log()
        if self.access is not None:
            await self._threads.run(access.write, self.access.take())
            self.access = None
        self._threads.close()

    # Those who count

    def traffic(self, name: str, version: str | None) -> Traffic:
        """Return the numbers of the predictions asked of a model, or of one version; both must be registered."""
        found = self._traffic.get((name, version))
        if found is None:
            found = self._traffic[name, version] = Traffic()
        return found

    def take(self, model: str, emitted: Sequence[Emitted]) -> None:
        """Take what a handler of `model` emitted."""
        self._models.take(model, emitted)

    def took(self, model: str, milliseconds: float, request_ids: tuple[str, ...]) -> None:
        """Take how long a handler of `model` needed for a batch with these requests, as its PredictionTime."""
        dimensions = (("ModelName", model), ("Level", "Model"))
        self._models.take(
            model, (Emitted("PredictionTime", milliseconds, "Milliseconds", "gauge", dimensions, request_ids),)
        )

    def retain(self, keys: Collection[tuple[str, str]]) -> None:
        """Forget the series of versions other than those with these names and versions, and of models without any."""
        names = {name for name, _ in keys}
        self._traffic = {
            (name, version): one
            for (name, version), one in self._traffic.items()
            if ((name, version) in keys if version else name in names)
        }
        self._models.retain(names)

    # Those who read

    def families(self, names: Collection[str] = ()) -> list[Metric]:
        """Return the families that the mode shows, with `names` only those of them."""
        shown = self._shown()
        return [family for family in shown if family.name in names] if names else shown

    async def text(self, names: Collection[str] = ()) -> bytes:
        """Return `families` as Prometheus' text, "" in the mode `log` (TorchServe).

        Raises UnavailableError once closed.
        """
        if self._closed:
            raise UnavailableError("Marina is stopping and tells no more metrics.")
        families = self.families(names)
        return await self._threads.run(exposition, families) if families else b""

    def _shown(self) -> list[Metric]:
        if self._settings.metrics_mode == "log":
            return []
        families = [server_metric(declared, values, self._host) for declared, values in self._server_families()]
        if self._settings.metrics_mode == "legacy":
            return [family for family in families if family.name in LEGACY]
        return families + self._models.metrics()

    def _server_families(self) -> list[tuple[Declaration, Values]]:
        values = server_values(self.answers, self._traffic, self._figures()) | self._system
        families = [(one, fitting(one, values.get(one.name, {}))) for one in self.config.server.values()]
        if self.refusals:
            families.append((REFUSALS, refusal_values(self.refusals)))
        if self.task_failures:
            families.append((TASK_FAILURES, failure_values(self.task_failures)))
        return families

    # In the background

    async def _sample_system(self) -> None:
        readings = await self._threads.run(self._machine.read)
        self._system = host_values(readings) | gpu_values(gpu_readings(self._gpus()))

    async def _write_access_log(self, collected: access.AccessLog) -> None:
        await collected.waiting.wait()
        # What is taken is written even if this task is cancelled before the thread has come to it.
        await asyncio.shield(self._threads.run(access.write, collected.take()))

    async def _write_log(self) -> None:
        counters = LEGACY if self._settings.metrics_mode == "legacy" else frozenset()
        server = [found for found in self._server_families() if found[0].name not in counters]
        lines: list[Line] = self._server_lines.news(server, self._host, int(time.time()))
        await self._threads.run(write, lines, self._models.take_lines())
