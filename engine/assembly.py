"""From what was decided about a version to what serves it: its workers' plan, its places on GPUs. On the loop."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.elastic import rules_of
from engine.measured import measured
from engine.seating import Seating
from engine.tasks import TaskGroup
from engine.version import Version, worker_plan
from engine.workers.environment import THREADS
from engine.workers.launcher import LaunchSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.devices.devices import Devices
    from engine.environments.environments import Environment
    from engine.memory_account import Account
    from engine.metrics.collected import Metrics
    from engine.registry.records import VersionSpec
    from engine.settings import Settings
    from engine.snapshots import Key
    from engine.unpacked import Unpacked
    from engine.workers.launcher import Launcher

FIRST_WORKER_ID = 9000


class Assembly:
    """Makes the versions of one engine. All of their workers come from one `launcher`, and no worker id twice."""

    def __init__(
        self,
        settings: Settings,
        variables: Mapping[str, str],
        launcher: Launcher,
        devices: Devices,
        versions: Mapping[Key, Version],
        metrics: Metrics,
        environment_of: Callable[[Unpacked], Environment],
        answers: Account,
    ) -> None:
        """`variables` are those of workers; `versions` those at work, which share the GPUs; `answers` counts theirs."""
        self.launcher = launcher
        self._settings = settings
        self._variables = variables
        self._devices = devices
        self._seating = Seating(devices, versions.values)
        self._metrics = metrics
        self._environment_of = environment_of
        self._answers = answers
        self._ids = itertools.count(FIRST_WORKER_ID)
        self._tasks = TaskGroup()

    def make(self, spec: VersionSpec, unpacked: Unpacked, on_change: Callable[[Version], None]) -> Version:
        """Return a version that has no workers yet; `on_change` is called after every event of one."""
        self._tasks.start(self.launcher.prepare(), "prepare to start workers")
        environment = self._environment_of(unpacked)
        config, name = unpacked.config, f"{spec.name} {spec.version}"
        variables = environment.variables(self._variables)
        if config.threads:
            variables[THREADS] = str(config.threads)
        launch = LaunchSpec(environment.python, unpacked.folder, variables)
        plan = replace(worker_plan(spec, unpacked.folder, launch, self._settings), answers=self._answers)
        placement = self._devices.placement(name, config.device_type, config.device_ids)
        plan = self._seating.seated(measured(plan, spec.name, self._metrics), spec.key, placement)
        rules = rules_of(spec, self._settings)
        return Version(spec, unpacked.scratch, plan, self.launcher, self._ids, on_change, placement, rules=rules)

    async def aclose(self) -> None:
        """Prepare no more workers, and let go of what was prepared. Call it when no worker is left."""
        await self._tasks.aclose()
        await self.launcher.close()
