"""Workers that come and go with the requests: looks at one version from time to time while its target allows that.

Runs on the loop, by a timer that is set only while `Rules.matter`; a request pays nothing for it. Workers go by the
same drain as when somebody scales. A version that has let all its workers go *rests*: its target stays, and the next
request, which its queue refuses for want of workers, wakes it up.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from engine.deadlines import Deadline
from engine.snapshots import FAILING, WorkerState
from engine.workers.scaling import Load, Rules, Scaling

if TYPE_CHECKING:
    from engine.registry.records import VersionSpec
    from engine.serving.discipline import Discipline
    from engine.serving.jobs import Job
    from engine.settings import Settings
    from engine.workers.pool import Pool

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


def rules_of(spec: VersionSpec, settings: Settings) -> Rules:
    """Return the rules for a version; what its model's configuration says about unloading goes before the setting."""
    unload = settings.idle_unload_seconds if spec.idle_unload is None else spec.idle_unload
    return Rules(settings.scale_up_seconds, settings.scale_down_seconds, unload)


class Elastic:
    """How many workers a pool has, between the minimum and the maximum of its target."""

    def __init__(self, name: str, pool: Pool, queue: Discipline, rules: Rules) -> None:
        """Nothing happens before `follow`; `name` is for the log."""
        self._name = name
        self._pool = pool
        self._queue = queue
        self._rules = rules
        self._waking = False
        self._timer: Deadline | None = None

    def follow(self) -> None:
        """Look at the version from now on, if its target leaves a choice; for after the target has changed."""
        self.stop()
        self._waking = False
        if self._rules.matter(self._pool.target):
            scaling = Scaling(self._rules, asyncio.get_running_loop().time())
            self._look_later(scaling)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resubmit(self, job: Job, refusal: str) -> str:
        """Submit a refused job again if the version only rested; returns why it is refused still, or ""."""
        if not self._pool.resting:
            return refusal
        log.info("%s is loaded again for a request.", self._name)
        self._pool.set_target(self._pool.target)
        self.follow()
        self._waking = True
        return self._queue.submit(job)

    def workers_changed(self) -> None:
        """Fail what waits for a version that cannot be loaded again; for before the queue hears of the change."""
        if not self._waking:
            return
        workers = self._pool.workers.values()
        failing = next((worker.life.facts for worker in workers if worker.state in FAILING), None)
        if any(worker.state is WorkerState.READY for worker in workers):
            self._waking = False
        elif failing is not None:
            status = 507 if failing.out_of_memory else 500
            self._queue.fail_waiting(status, f"The model could not be loaded again: {failing.last_death}")

    def _look_later(self, scaling: Scaling) -> None:
        self._timer = Deadline(LOOK_SECONDS, partial(self._look, scaling))

    def _look(self, scaling: Scaling) -> None:
        self._look_later(scaling)
        load = self._load()
        count = scaling.wanted(asyncio.get_running_loop().time(), load, self._pool.target)
        if count == load.workers:
            return
        log.info("%s goes from %d workers to %d.", self._name, load.workers, count)
        if count:
            self._pool.resize(count)
        else:
            self.stop()
            self._pool.rest()

    def _load(self) -> Load:
        staying = self._pool.staying
        return Load(
            accepted=self._queue.accepted,
            pending=self._queue.pending,
            workers=len(staying),
            ready=sum(worker.state is WorkerState.READY for worker in staying),
            busy=sum(worker.busy for worker in staying),
            spare=sum(worker.spare for worker in staying),
        )
