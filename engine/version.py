"""A registered version at work: its worker pool and its job queue, made from its record. On the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import SERVER_VERSION
from engine.devices.placement import ON_CPU, Placement
from engine.elastic import Elastic
from engine.serving.choice import make_queue
from engine.snapshots import FAILING, VersionSnapshot, VersionState, WorkerState
from engine.workers.lifecycle import Limits
from engine.workers.log import WorkerLog
from engine.workers.pool import Pool
from engine.workers.worker import WorkerPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engine.metrics.traffic import Traffic
    from engine.registry.records import Target, VersionSpec
    from engine.serving.jobs import Job
    from engine.settings import Settings
    from engine.workers.launcher import Launcher, LaunchSpec
    from engine.workers.scaling import Rules
    from engine.workers.worker import Worker


class Version:
    """What serves one version. `scratch` is the folder to remove when it goes."""

    def __init__(
        self,
        spec: VersionSpec,
        scratch: Path,
        plan: WorkerPlan,
        launcher: Launcher,
        ids: Iterator[int],
        on_change: Callable[[Version], None],
        placement: Placement = ON_CPU,
        *,
        rules: Rules,
    ) -> None:
        """`on_change` is called after every event of a worker; `rules` say when workers come and go by themselves.

        `gpu_memory_peak` is the most bytes that a worker was seen to hold on GPUs.
        """
        self.spec = spec
        self.scratch = scratch
        self.placement = placement
        self.gpu_memory_peak = 0
        self.queue = make_queue(spec.batch_size, spec.max_batch_delay / 1000, spec.queue_capacity, spec.batching)
        self.pool = Pool(plan, launcher, self.queue, ids, self._workers_changed)
        self.elastic = Elastic(plan.name, self.pool, self.queue, rules)
        self._on_change = on_change
        self.log = plan.log
        self._seen = (0, 0, 0, 0)

    def set_target(self, target: Target, drain_timeout: float | None = None) -> list[Worker]:
        """Take `target` as the pool does, and let the number of workers follow the requests if that leaves a choice."""
        coming = self.pool.set_target(target, drain_timeout)
        self.elastic.follow()
        return coming

    async def close(self, drain_timeout: float | None, exit_timeout: float | None = None) -> None:
        """Let every worker go, as the pool does. Raises TimeoutError as the pool does."""
        self.elastic.stop()
        await self.pool.close(drain_timeout, exit_timeout)

    def was_active(self) -> bool:
        """Whether requests came, moved on or went since this was last asked; the hot path leaves counters alone."""
        activity = self.queue.activity
        active, self._seen = activity != self._seen, activity
        return active

    def snapshot(self, *, is_default: bool) -> VersionSnapshot:
        """Return the version as it is now."""
        spec, target = self.spec, self.pool.target
        workers = tuple(worker.snapshot() for worker in self.pool.workers.values())
        return VersionSnapshot(
            key=spec.key,
            is_default=is_default,
            state=_state([worker.state for worker in workers], busy=self.queue.in_flight > 0),
            url=spec.url,
            size=spec.size,
            handler=spec.handler,
            runtime=spec.runtime,
            min_workers=target.min_workers,
            max_workers=target.max_workers,
            batch_size=spec.batch_size,
            max_batch_delay=spec.max_batch_delay,
            response_timeout=spec.response_timeout,
            startup_timeout=spec.startup_timeout,
            max_retry_timeout=spec.max_retry_timeout,
            client_timeout=spec.client_timeout,
            device_type=self.placement.device_type,
            device_ids=self.placement.device_ids,
            loaded_at_startup=spec.loaded_at_startup,
            workers=workers,
            queue=self.queue.snapshot(),
            batching=spec.batching,
            config_problems=spec.config_problems,
        )

    def pass_on(self, successor: Version, by_name: Traffic) -> None:
        """Give what waits and named no version, counted in `by_name`, to the version that now answers for the model.

        The workers here may never serve it: those that wait to be restarted leave at once when their version goes.
        """
        self.queue.hand_over(lambda job: job.traffic is by_name and not successor.submit(job))

    def submit(self, job: Job) -> str:
        """Queue a job, waking the version up when it rests; return "", or why it is refused and what helps."""
        return (refusal := self.queue.submit(job)) and self.elastic.resubmit(job, refusal)

    def _workers_changed(self) -> None:
        self.elastic.workers_changed()
        self.queue.expect(*self.pool.outlook())
        self._on_change(self)


def worker_plan(spec: VersionSpec, folder: Path, launch: LaunchSpec, settings: Settings) -> WorkerPlan:
    """Return how the workers of `spec` are made; `engine.runtime.frames` lists what LOAD holds, gpu_id apart."""
    load = {
        "model_name": spec.name,
        "model_dir": str(folder),
        "handler": spec.handler,
        "batch_size": spec.batch_size,
        "envelope": settings.service_envelope,
        "limit_max_image_pixels": settings.limit_max_image_pixels,
        "decode_input": settings.decode_input_request,
        "model_config": spec.model_config,
        "config_file": spec.config_file,
        "server_version": SERVER_VERSION,
        "max_response_size": settings.max_response_size,
        "continuous": spec.batching.continuous,
        "asynchronous": spec.batching.asynchronous,
    }
    return WorkerPlan(
        name=f"{spec.name} {spec.version}",
        launch=launch,
        load=load,
        limits=Limits(spec.startup_timeout, spec.max_retry_timeout),
        response_timeout=spec.response_timeout,
        max_response_size=settings.max_response_size,
        log=WorkerLog(spec.name, spec.version),
    )


def _state(workers: list[WorkerState], *, busy: bool) -> VersionState:
    """Return the worst interesting state of the workers, as the window words it."""
    if any(state in FAILING for state in workers):
        return VersionState.FAILED
    if any(state in (WorkerState.STARTING, WorkerState.LOADING) for state in workers):
        return VersionState.LOADING
    if any(state is WorkerState.DRAINING for state in workers):
        return VersionState.DRAINING
    if not workers:
        return VersionState.IDLE
    return VersionState.BUSY if busy else VersionState.READY
