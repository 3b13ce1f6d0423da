"""The façade: every operation on models, and the only door to what is behind it. Runs on one asyncio loop.

Readers pull snapshots (`describe`, `changes`) and are woken by `subscribe`. Blocking work runs in the engine's threads.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from engine import making
from engine.acts import Acts
from engine.archives.sources import discard, locate
from engine.archives.summary import inspect
from engine.arrivals import Arrivals
from engine.assembly import Assembly
from engine.at_start import models_at_start
from engine.catalogue import Catalogue
from engine.devices.all_vendors import machine_inventory
from engine.devices.devices import Devices
from engine.errors import ConflictError, WorkerStartError
from engine.frozen import own_python
from engine.heap import TRIM_SECONDS, HeapTrimmer
from engine.measured import figures
from engine.memory_account import MemoryAccounts
from engine.metrics.collected import Metrics
from engine.metrics.traffic import Refused
from engine.offers import LOOK_SECONDS, Offers
from engine.ranges import RANGES
from engine.registering import Registering, failed_to_start, wanted
from engine.registration import PROCESSING, Registration, registration_of, require_range
from engine.restoring import Restoring
from engine.sampling import SAMPLE_SECONDS, Sampler
from engine.serving.jobs import Input, Job, Reply
from engine.snapshot_files import SnapshotFiles, configuration, snapshot_folder
from engine.snapshots import Changes, Key
from engine.store import Store
from engine.tasks import TaskGroup
from engine.threads import Threads
from engine.tokens import tokens_wanted, without_token
from engine.unpacked import add_archive, whole_store
from engine.version import Version
from engine.workers.environment import worker_environment
from engine.workers.forking import ForkLauncher, can_fork
from engine.workers.launcher import SpawnLauncher
from engine.workers.orphan_guard import OrphanGuard, can_guard

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from engine.devices.inventory import Gpu, Inventory
    from engine.home import Home
    from engine.making import ArchivePlan
    from engine.settings import Settings
    from engine.snapshots import Act, ArchiveSummary, LogLine, LogLines, Machine, Progress, VersionSnapshot
    from engine.workers.launcher import Launcher

Parsed = TypeVar("Parsed")

# How long requests in flight may take when Marina stops, in seconds.
STOP_GRACE = 5.0


class Engine:
    """Models, versions and workers of one home."""

    def __init__(
        self,
        settings: Settings,
        home: Home,
        launcher: Launcher | None = None,
        inventory: Inventory | None = None,
        *,
        ends_crash_loops: bool = False,
    ) -> None:
        """Nothing happens before `start`.

        `launcher` replaces the way worker processes are started, `inventory` where the GPUs are known from. With
        `ends_crash_loops` models stay away once after several starts in a row that ended unexpectedly.
        """
        self.settings = settings
        # Where callers need tokens, handlers do not see them.
        self._hides_tokens = tokens_wanted(settings)
        self.home = home.with_model_store(settings.model_store)
        self._stopping = False
        self._versions: dict[Key, Version] = {}
        self._threads = Threads("marina-disk", 4)
        # One form or tensor at a time, so that their memory and their part of the processor stay bounded.
        self._parsing = Threads("marina-parses", 1)
        variables = _variables_of_workers(settings)
        inventory = inventory or machine_inventory(variables)
        self._devices = Devices(inventory, settings.number_of_gpu)
        self.metrics = Metrics(settings, lambda: figures(self._versions.values()), self.gpus)
        self._tasks = TaskGroup(failures=self.metrics.task_failures)
        self._offers = Offers(self.home.model_store, self._threads, self._is_needed, self._wake)
        self._arrivals = Arrivals(settings, self.home, variables, self._threads, self._is_recorded, self._offers.claim)
        self.memory = MemoryAccounts(settings.max_request_memory, settings.max_response_memory)
        self._assembly = Assembly(
            settings,
            variables,
            launcher or _launcher(settings, variables),
            self._devices,
            self._versions,
            self.metrics,
            self._arrivals.environment_of,
            self.memory.answers,
        )
        said = configuration(settings, self.home.model_store)
        self._snapshot_files = SnapshotFiles(snapshot_folder(settings, self.home), said)
        self._catalogue = Catalogue(
            self._versions,
            Store(self.home.database) if settings.record else None,
            self._assembly,
            self._arrivals,
            self.metrics,
            exit_timeout=settings.unregister_model_timeout,
            after_change=self._snapshot_files.changed,
        )
        self._acts = Acts(self._catalogue.feed.wake)
        self._registering = Registering(
            settings, self._catalogue, self._arrivals, self._acts, self._devices, self._threads
        )
        self._restoring = Restoring(self.home.unfinished_starts if ends_crash_loops else None, self._threads)
        self._sampler = Sampler(self._versions, self._devices, self._catalogue.feed.touch)
        self._trimmer = HeapTrimmer(self.memory.held, self._threads)

    # Start and stop

    async def start(self) -> None:
        """Open the record, bring back its models unless the settings say otherwise, register those that they name.

        A model that cannot be brought back is named in the log and stays in the record. Raises StoreError when the
        record is in use or unreadable, SettingsError for a snapshot whose archives are gone or an unusable
        metrics_config, OSError when the home cannot be made.
        """
        await self._threads.run(self._devices.look)
        await self.metrics.start()
        await self._threads.run(self.home.create)
        self._tasks.repeat(self._sampler.look_regularly, "looks at the machine", SAMPLE_SECONDS)
        self._tasks.repeat(self._trimmer.look, "gives memory back", TRIM_SECONDS)
        saved = await self._catalogue.open()
        await self._arrivals.open()
        came_back = await self._restoring.restore(saved, self._registering, wanted=self.settings.restore)
        for model in await self._threads.run(
            models_at_start, self.settings, self.home.model_store, record_was_used=self._catalogue.was_used
        ):
            await self._registering.load_at_start(model)
        if came_back or not self.settings.record:
            await self._arrivals.sweep()
        self._tasks.start(self._restoring.last(), "whether this start lasts")
        if self.settings.watch_model_store:
            self._tasks.repeat(self._offers.look, "looks at the model store", LOOK_SECONDS)

    async def write_snapshots(self) -> None:
        """Write TorchServe's snapshot of a start now, and from now on one after each change and at the end.

        The ports are open by now (TorchServe). Nothing is written with `--ncs`.
        """
        await self._snapshot_files.begin(self._catalogue.entries)

    async def stop(self) -> None:
        """Give requests in flight a few seconds, end every worker and close the record. Safe to call twice."""
        if self._stopping:
            return
        self._stopping = True
        self._catalogue.refuse()
        await self._tasks.aclose()
        await self._acts.aclose()
        await self._snapshot_files.close()
        await self._catalogue.stop(STOP_GRACE)
        await self._assembly.aclose()
        await self._restoring.end_in_order()
        await self._arrivals.close()
        self._threads.close()
        self._parsing.close()
        self._sampler.close()
        await self.metrics.aclose()

    def notices(self) -> tuple[str, ...]:
        """Return what the person who started Marina should know about this start, in sentences."""
        return (*self._catalogue.notices, *self._restoring.notices)

    # Operations

    async def register(self, registration: Registration, progress: Callable[[Progress], None] | None = None) -> str:
        """Register a version and return TorchServe's status text.

        Without workers to start, and with `synchronous`, the text tells the outcome; otherwise it is PROCESSING. Raises
        BadRequestError, ArchiveNotFoundError, DownloadError, InvalidArchiveError, RequirementsError, ConflictError,
        StoreError, UnavailableError once Marina stops, SettingsError for a `worker_python` that does not run, and with
        `synchronous` WorkerStartError. Whatever is raised, nothing of the registration remains. Cancelling it while the
        archive is downloaded or unpacked, or its packages are installed, leaves nothing either; later it only ends the
        caller's wait.
        """
        registration.check()
        return await self._registering.register(registration, progress, loaded_at_startup=False)

    async def scale(
        self,
        name: str,
        version: str | None,
        *,
        min_workers: int,
        max_workers: int | None = None,
        synchronous: bool = False,
        timeout: int = -1,
    ) -> str:
        """Set how many workers a version should have; the default version when none is named.

        `timeout` is how many seconds workers on their way out may take for their requests: 0 none, -1 no limit (the API
        document). Raises BadRequestError, NotFoundError, StoreError, UnavailableError once Marina stops, and with
        `synchronous` WorkerStartError.
        """
        target = wanted(min_workers, max_workers)
        require_range("timeout", timeout, *RANGES["timeout"])
        scaling = self._catalogue.scale(name, version, target, _seconds(timeout))
        running, coming = await self._catalogue.whole(scaling, f"scale {name}")
        if not synchronous:
            return PROCESSING
        try:
            await running.pool.settled(coming)
        except WorkerStartError as error:
            # TorchServe: null where the call names no version.
            raise failed_to_start(name, version or "null", error) from error
        of_version = "" if version is None else f", version: {version}"
        return f"Workers scaled to {len(running.pool.workers)} for model: {name}{of_version}"

    async def set_default(self, name: str, version: str) -> str:
        """Make `version` the one that answers for the bare name. Raises NotFoundError, StoreError."""
        await self._catalogue.whole(self._catalogue.set_default(name, version), f"default of {name}")
        return f'Default version successfully updated for model "{name}" to "{version}"'

    async def unregister(self, name: str, version: str | None = None, *, timeout: int = -1) -> str:
        """Remove a version, the default one when none is named, and stop its workers.

        Its archive stays in the store, unless a URL brought it there (TorchServe). `timeout` as for `scale`. Returns
        once its workers are gone. Raises NotFoundError, DefaultVersionError, StoreError, or TimedOutError when one of
        their processes outlives its kill by `unregister_model_timeout`: the version is removed all the same.
        """
        require_range("timeout", timeout, *RANGES["timeout"])
        unregistering = self._catalogue.unregister(name, version, _seconds(timeout))
        await self._catalogue.whole(unregistering, f"unregister {name}")
        return f'Model "{name}" unregistered'

    def retry(self, name: str, version: str, worker_id: str) -> None:
        """Start a failed worker again now. Raises NotFoundError for the version."""
        self._catalogue.find(name, version).pool.retry(worker_id)

    def kill(self, name: str, version: str, worker_id: str) -> None:
        """End a worker's process at once. Raises NotFoundError for the version.

        Its jobs fail, and it starts again as after any death. Nothing happens to a worker without a process.
        """
        self._catalogue.find(name, version).pool.kill(worker_id)

    # Archives

    async def add_to_store(self, path: Path, progress: Callable[[Progress], None]) -> str:
        """Copy an archive into the model store and return its file name there; cancelling leaves nothing behind.

        Raises InvalidArchiveError or OSError.
        """
        name = await self._acts.carry(
            path.name,
            lambda report: self._threads.run_cancellable(
                lambda step, cancel: add_archive(path, self.home.model_store, step, cancel), report
            ),
            progress,
        )
        self._offers.claim(name)
        return name

    async def stored_archives(self) -> list[str]:
        """Return what the model store has to register, by name; raises OSError."""
        return [model.file for model in await self._threads.run(whole_store, self.home.model_store)]

    async def discard_from_store(self, file_name: str) -> None:
        """Delete an archive that nobody uses out of the model store; harmless when it is gone.

        Raises ConflictError while a version or an act needs it, BadRequestError for what is no file of the store,
        OSError.
        """
        if self._arrivals.is_in_use(file_name) or any(act.title == file_name for act in self.acts()):
            raise ConflictError(f"{file_name} stays in the model store: it is in use.")
        await self._threads.run(discard, file_name, self.home.model_store)

    async def plan_archive(self, paths: Sequence[Path]) -> ArchivePlan:
        """Return what an archive of these files and folders would be; `making.look` has the rules and errors."""
        return await self._threads.run(making.look, paths)

    async def place_for(self, file_name: str) -> Path:
        """Return where an archive of this name would go in the model store, with a number when the name is taken."""
        return await self._threads.run(making.place_for, file_name, self.home.model_store)

    async def make_archive(self, plan: ArchivePlan, progress: Callable[[Progress], None]) -> Path:
        """Write an archive into the model store and return where it lies; cancelling leaves nothing behind.

        Raises BadRequestError, ConflictError or OSError.
        """
        made = await self._acts.carry(
            plan.archive,
            lambda report: self._threads.run_cancellable(
                lambda step, cancel: making.make(plan, self.home.model_store, step, cancel), report
            ),
            progress,
        )
        self._offers.claim(made.name)
        return made

    async def try_source(self, registration: Registration) -> str:
        """Return what is where the registration's URL points to, in words, without fetching it.

        One byte is asked for, with the same rules, credentials and errors as `register`.
        """
        registration.check()
        return await self._arrivals.try_source(registration)

    def offers(self) -> tuple[str, ...]:
        """Return the archives that others put into the model store, with `watch_model_store`. Cheap to poll."""
        return self._offers.names

    def decline(self, file_name: str) -> None:
        """Offer this archive no more."""
        self._offers.decline(file_name)

    async def inspect(self, file_name: str) -> ArchiveSummary:
        """Return what an archive in the model store says about itself, without running anything in it.

        Raises ArchiveNotFoundError or InvalidArchiveError.
        """
        path = await self._threads.run(locate, file_name, self.home.model_store)
        return await self._threads.run(inspect, path)

    # Reading

    def describe(self, name: str, version: str | None = None) -> list[VersionSnapshot]:
        """Return the default version, the one named, or with "all" every version. Raises NotFoundError."""
        catalogue = self._catalogue
        versions = catalogue.versions(name) if version == "all" else [catalogue.find(name, version)]
        return [catalogue.snapshot(one) for one in versions]

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the GPUs that workers may use, as they were a moment ago."""
        return self._devices.gpus

    def count_models(self) -> int:
        """Return how many models are registered."""
        return self._catalogue.models

    def list_models(self, start: int = 0, stop: int | None = None) -> list[tuple[str, str]]:
        """Return name and url of each model's default version, sorted by name: from `start` on, before `stop`."""
        return [(spec.name, spec.url) for spec in self._catalogue.listed(start, stop)]

    def changes(self, since: int) -> Changes:
        """Return the newest snapshot of whatever changed after the revision `since`; 0 asks for everything."""
        return self._catalogue.changes(since)

    def log(self, name: str, version: str, since: int = 0) -> LogLines:
        """Return what a version's workers printed and how they ended, from line `since` on; raises NotFoundError.

        The newest lines alone are kept, those of workers that are gone included, until the version goes. Cheap to poll.
        """
        return self._catalogue.find(name, version).log.since(since)

    def unfinished_lines(self, name: str, version: str) -> tuple[LogLine, ...]:
        """Return what there is of lines that a version's workers have not ended; raises NotFoundError. Cheap to poll.

        They are not in `log` yet, where each will be as it shows at its end.
        """
        workers = self._catalogue.find(name, version).pool.workers.values()
        return tuple(line for worker in workers for line in worker.unfinished_lines())

    def acts(self) -> tuple[Act, ...]:
        """Return the archives that are on their way in, oldest first, whoever began them. Cheap to poll."""
        return self._acts.running

    def cancel(self, act_id: int) -> None:
        """End an act of `acts`: nothing of it remains, its caller gets CancelledActError. Harmless when it is over."""
        self._acts.cancel(act_id)

    def machine(self) -> Machine:
        """Return the processors, the memory and the GPUs as they were a moment ago. Cheap to poll."""
        return self._sampler.machine

    def registration_of(self, name: str, version: str) -> Registration:
        """Return what registers this version again as it is now; raises NotFoundError."""
        found = self._catalogue.find(name, version)
        return registration_of(found.spec, found.pool.target)

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` on the loop after every change but the coming and going of requests; returns what ends it."""
        return self._catalogue.feed.subscribe(wake)

    def is_healthy(self) -> bool:
        """Whether every default version has the workers it should (TorchServe: one that is being retried counts)."""
        return not any(version.pool.is_short for version in self._catalogue.defaults())

    # Serving

    def predict(
        self, name: str, version: str | None, request_id: str, headers: dict[str, str], inputs: Sequence[Input]
    ) -> asyncio.Future[Reply]:
        """Queue a request and return the future of its answer; cancel the future when the caller has gone.

        Raises NotFoundError and UnavailableError at once; the future raises PredictionError, or TimedOutError when the
        model sets a client timeout.
        """
        running = self._catalogue.find(name, version)
        if self._hides_tokens:
            headers = without_token(headers)
        job = Job(request_id, headers, inputs)
        job.asked = (name, version)
        job.answers = self.memory.answers
        job.traffic = traffic = self.metrics.traffic(name, version)
        traffic.requests += 1
        if running.spec.client_timeout > 0:
            job.expire_after(running.spec.client_timeout / 1000)
        if refusal := running.submit(job):
            job.future.cancel()
            self.metrics.refusals[Refused.QUEUE] += 1
            raise job.unavailable(refusal)
        return job.future

    async def parse(self, work: Callable[[], Parsed]) -> Parsed:
        """Return the result of `work`, which takes apart a large body and runs in a thread."""
        return await self._parsing.run(work)

    def ask_metadata(
        self, name: str, version: str | None, request_id: str, headers: dict[str, str]
    ) -> asyncio.Future[Reply]:
        """Queue a request for what the handler says about its model; as `predict`, but never in a batch with others."""
        running = self._catalogue.find(name, version)
        if self._hides_tokens:
            headers = without_token(headers)
        job = Job(request_id, {**headers, "describe": "True"}, (), alone=True)
        job.asked = (name, version)
        if refusal := running.submit(job):
            raise job.unavailable(refusal)
        return job.future

    def _wake(self) -> None:
        self._catalogue.feed.wake()

    def _is_recorded(self, archive: str) -> bool:
        return self._catalogue.records(archive)

    def _is_needed(self, archive: str) -> bool:
        return any(version.spec.archive == archive for version in self._versions.values())


def _variables_of_workers(settings: Settings) -> dict[str, str]:
    return worker_environment(os.environ, settings.blacklist_env_vars, decode_input=settings.decode_input_request)


def _launcher(settings: Settings, environment: Mapping[str, str]) -> Launcher:
    guard = OrphanGuard(own_python()) if can_guard() else None
    if settings.fork_server and can_fork():
        return ForkLauncher(settings.worker_python or own_python(), environment, guard)
    return SpawnLauncher(guard)


def _seconds(timeout: int) -> float | None:
    """Return the API's timeout as a limit in seconds, None for -1 (no limit)."""
    return None if timeout < 0 else timeout
