"""The façade: every operation on models, and the only door to what is behind it. Runs on one asyncio loop.

An operation checks, records the new target in the store, and only then acts; what follows happens in the pools. Readers
pull snapshots (`describe`, `changes`) and are woken by `subscribe`. Blocking work runs in the engine's threads.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from typing import TYPE_CHECKING, Any, TypeVar

from engine.archives.sources import locate
from engine.archives.summary import inspect
from engine.arrivals import Arrivals
from engine.at_start import models_at_start
from engine.devices.devices import Devices
from engine.devices.nvidia import NvidiaInventory
from engine.elastic import rules_of
from engine.errors import (
    BadRequestError,
    ConflictError,
    MarinaError,
    TimedOutError,
    UnavailableError,
    WorkerStartError,
)
from engine.measured import figures, measured
from engine.metrics.collected import Metrics
from engine.registration import (
    RANGES,
    Registration,
    default_workers,
    first_target,
    name_version,
    require_range,
    specify,
)
from engine.registry.feed import Feed
from engine.registry.records import Target, VersionSpec
from engine.registry.registry import Registry
from engine.sampling import sample_memory
from engine.seating import Seating
from engine.serving.jobs import Input, Job, Reply
from engine.snapshots import Changes, Key
from engine.store import SavedVersion, Store
from engine.tasks import TaskGroup
from engine.threads import Threads
from engine.unpacked import Unpacked, add_archive, require_handler
from engine.version import Version, worker_plan
from engine.workers.environment import worker_environment
from engine.workers.forking import ForkLauncher, can_fork
from engine.workers.launcher import LaunchSpec, SpawnLauncher, worker_python

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

    from engine.archives.manifest import Manifest
    from engine.at_start import AtStart
    from engine.devices.inventory import Gpu, Inventory
    from engine.home import Home
    from engine.settings import Settings, SnapshotModel
    from engine.snapshots import ArchiveSummary, LogLines, Progress, VersionSnapshot
    from engine.workers.launcher import Launcher
    from engine.workers.worker import Worker

T = TypeVar("T")

log = logging.getLogger(__name__)

# TorchServe's words while workers are still on their way: the answer is 202 exactly when this is the text.
PROCESSING = "Processing worker updates..."
FIRST_WORKER_ID = 9000
# How long requests in flight may take when Marina stops, in seconds.
STOP_GRACE = 5.0


class Engine:
    """Models, versions and workers of one home."""

    def __init__(
        self, settings: Settings, home: Home, launcher: Launcher | None = None, inventory: Inventory | None = None
    ) -> None:
        """Nothing happens before `start`.

        `launcher` replaces the way worker processes are started, `inventory` where the GPUs are known from.
        """
        self.settings = settings
        self.home = home.with_model_store(settings.model_store)
        self._registry = Registry()
        self._feed = Feed()
        self._versions: dict[Key, Version] = {}
        self._writing = asyncio.Lock()
        self._threads = Threads("marina-disk", 4)
        self._tasks = TaskGroup()
        self._acts = TaskGroup(on_error=_told_to_the_caller)
        self._copying = TaskGroup(on_error=_told_to_the_caller)
        self._leaving: set[Version] = set()
        self._stopping = False
        self._worker_ids = itertools.count(FIRST_WORKER_ID)
        self._store = Store(self.home.database) if settings.restore else None
        self._environment = worker_environment(
            os.environ, settings.blacklist_env_vars, decode_input=settings.decode_input_request
        )
        self._launcher = launcher or _launcher(settings, self._environment)
        inventory = inventory or NvidiaInventory(self._environment.get("CUDA_VISIBLE_DEVICES"))
        self._devices = Devices(inventory, settings.number_of_gpu)
        self._seating = Seating(self._devices, self._versions.values)
        self.metrics = Metrics(settings, lambda: figures(self._versions.values()), self.gpus)
        self._arrivals = Arrivals(settings, self.home, self._environment, self._threads, self._is_needed)

    # Start and stop

    async def start(self) -> None:
        """Open the record, bring back its models, then register those that the settings name.

        A model that cannot be brought back is named in the log and stays in the record. Raises StoreError when the
        record is in use or unreadable, SettingsError for a snapshot whose archives are gone or an unusable
        metrics_config, OSError when the home cannot be made.
        """
        await self._threads.run(self._devices.look)
        await self.metrics.start()
        await self._threads.run(self.home.create)
        saved = await self._store.open() if self._store else []
        await self._arrivals.open()
        for version in saved:
            await self._restore(version)
        for model in await self._threads.run(models_at_start, self.settings, self.home.model_store):
            await self._load_at_start(model)
        await self._arrivals.sweep()
        sampling = sample_memory(self._versions, self._devices, self._threads, self._feed.touch)
        self._tasks.start(sampling, "memory of workers")

    async def stop(self) -> None:
        """Give requests in flight a few seconds, end every worker and close the record. Safe to call twice."""
        if self._stopping:
            return
        self._stopping = True
        await self._tasks.aclose()
        await self._copying.aclose()
        async with self._writing:
            versions = {*self._versions.values(), *self._leaving}
        await asyncio.gather(*(version.close(STOP_GRACE) for version in versions))
        await self._acts.join()
        await self._launcher.close()
        if self._store:
            await self._store.close()
        await self._arrivals.close()
        self._threads.close()
        await self.metrics.aclose()

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
        return await self._register(registration, progress, loaded_at_startup=False)

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
        target = _target(min_workers, max_workers)
        require_range("timeout", timeout, *RANGES["timeout"])
        running, coming = await self._whole(self._scale(name, version, target, timeout), f"scale {name}")
        if not synchronous:
            return PROCESSING
        try:
            await running.pool.settled(coming)
        except WorkerStartError as error:
            # TorchServe: null where the call names no version.
            raise _failed_to_start(Key(name, version or "null"), error) from error
        of_version = "" if version is None else f", version: {version}"
        return f"Workers scaled to {len(running.pool.workers)} for model: {name}{of_version}"

    async def set_default(self, name: str, version: str) -> str:
        """Make `version` the one that answers for the bare name. Raises NotFoundError, StoreError."""
        await self._whole(self._set_default(name, version), f"default of {name}")
        return f'Default version successfully updated for model "{name}" to "{version}"'

    async def unregister(self, name: str, version: str | None = None, *, timeout: int = -1) -> str:
        """Remove a version, the default one when none is named, and stop its workers.

        Its archive stays in the store, unless a URL brought it there (TorchServe). `timeout` as for `scale`. Returns
        once its workers are gone. Raises NotFoundError, DefaultVersionError, StoreError, or TimedOutError when one of
        their processes outlives its kill by `unregister_model_timeout`: the version is removed all the same.
        """
        require_range("timeout", timeout, *RANGES["timeout"])
        await self._whole(self._unregister(name, version, timeout), f"unregister {name}")
        return f'Model "{name}" unregistered'

    def retry(self, name: str, version: str, worker_id: str) -> None:
        """Start a failed worker again now. Raises NotFoundError for the version."""
        self._versions[self._registry.find(name, version).key].pool.retry(worker_id)

    # Archives

    async def add_to_store(self, path: Path, progress: Callable[[Progress], None]) -> str:
        """Copy an archive into the model store and return its file name there; cancelling leaves nothing behind.

        Raises InvalidArchiveError or OSError.
        """
        copying = self._threads.run_cancellable(
            lambda report, cancel: add_archive(path, self.home.model_store, report, cancel), progress
        )
        return await self._copying.start(copying, f"copy {path.name}")

    async def inspect(self, file_name: str) -> ArchiveSummary:
        """Return what an archive in the model store says about itself, without running anything in it.

        Raises ArchiveNotFoundError or InvalidArchiveError.
        """
        path = await self._threads.run(locate, file_name, self.home.model_store)
        return await self._threads.run(inspect, path)

    # Reading

    def describe(self, name: str, version: str | None = None) -> list[VersionSnapshot]:
        """Return the default version, the one named, or with "all" every version. Raises NotFoundError."""
        specs = self._registry.versions(name) if version == "all" else [self._registry.find(name, version)]
        return [self._snapshot(spec.key) for spec in specs]

    def gpus(self) -> tuple[Gpu, ...]:
        """Return the GPUs that workers may use, as they were a moment ago."""
        return self._devices.gpus

    def list_models(self) -> list[tuple[str, str]]:
        """Return name and url of every model's default version, sorted by name."""
        return [(name, self._registry.find(name).url) for name in self._registry.names()]

    def changes(self, since: int) -> Changes:
        """Return the newest snapshot of whatever changed after the revision `since`; 0 asks for everything."""
        for key, version in self._versions.items():
            if version.was_active():
                self._feed.touch(key)
        news = self._feed.since(since)
        changed = tuple(self._snapshot(key) for key in news.changed)
        return Changes(news.revision, changed, news.removed, news.complete)

    def log(self, name: str, version: str, since: int = 0) -> LogLines:
        """Return what a version's workers printed and how they ended, from line `since` on; raises NotFoundError.

        The newest lines alone are kept, those of workers that are gone included, until the version goes. Cheap to poll.
        """
        return self._versions[self._registry.find(name, version).key].log.since(since)

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` on the loop after every change but the coming and going of requests; returns what ends it."""
        return self._feed.subscribe(wake)

    def is_healthy(self) -> bool:
        """Whether every default version has the workers it should (TorchServe: one that is being retried counts)."""
        for name in self._registry.names():
            pool = self._versions[self._registry.find(name).key].pool
            if pool.is_short:
                return False
        return True

    # Serving

    def predict(
        self, name: str, version: str | None, request_id: str, headers: dict[str, str], inputs: Sequence[Input]
    ) -> asyncio.Future[Reply]:
        """Queue a request and return the future of its answer; cancel the future when the caller has gone.

        Raises NotFoundError and UnavailableError at once; the future raises PredictionError, or TimedOutError when the
        model sets a client timeout.
        """
        spec = self._registry.find(name, version)
        job = Job(request_id, headers, inputs)
        job.traffic = traffic = self.metrics.traffic(name, version)
        traffic.requests += 1
        if refusal := self._versions[spec.key].submit(job):
            raise UnavailableError(_no_worker(name, version), refusal)
        if spec.client_timeout > 0:
            job.expire_after(spec.client_timeout / 1000)
        return job.future

    def ask_metadata(
        self, name: str, version: str | None, request_id: str, headers: dict[str, str]
    ) -> asyncio.Future[Reply]:
        """Queue a request for what the handler says about its model; as `predict`, but never in a batch with others."""
        running = self._versions[self._registry.find(name, version).key]
        job = Job(request_id, {**headers, "describe": "True"}, (), alone=True)
        if refusal := running.submit(job):
            text = "has no worker to serve describe request. Please use scale workers API to add workers."
            raise UnavailableError(f'Model "{name}" {text}', refusal)
        return job.future

    # Behind the operations

    async def _whole(self, act: Coroutine[Any, Any, T], name: str) -> T:
        """Carry an act through even when its caller leaves half way: record, registry and workers stay in step."""
        return await asyncio.shield(self._acts.start(act, name))

    def _require_running(self) -> None:
        if self._stopping:
            raise UnavailableError("Marina is stopping and takes no more changes.")

    async def _scale(
        self, name: str, version: str | None, target: Target, timeout: int
    ) -> tuple[Version, list[Worker]]:
        async with self._writing:
            self._require_running()
            spec = self._registry.find(name, version)
            if self._store:
                await self._store.set_target(spec.key, target)
            running = self._versions[spec.key]
            coming = running.set_target(target, _seconds(timeout))
        self._feed.touch(spec.key)
        return running, coming

    async def _set_default(self, name: str, version: str) -> None:
        async with self._writing:
            previous = self._registry.set_default(name, version)
            try:
                if self._store:
                    await self._store.set_default(Key(name, version))
            except BaseException:
                self._registry.set_default(name, previous)
                raise
        self._touch_all(name)

    async def _unregister(self, name: str, version: str | None, timeout: int) -> None:
        async with self._writing:
            spec = self._registry.require_removable(name, version)
            if self._store:
                await self._store.remove(spec.key)
            leaving = self._forget(spec.key)
        await self._close(leaving, _seconds(timeout))

    async def _register(
        self, registration: Registration, progress: Callable[[Progress], None] | None, *, loaded_at_startup: bool
    ) -> str:
        self._require_running()
        url = registration.url
        unpacked = await self._copying.start(
            self._arrivals.bring(registration, lambda manifest: self._free_name(registration, manifest), progress),
            f"unpack {url}",
        )
        act = self._add(registration, unpacked, loaded_at_startup=loaded_at_startup)
        return await self._whole(act, f"register {url}")

    async def _add(self, registration: Registration, unpacked: Unpacked, *, loaded_at_startup: bool) -> str:
        try:
            spec = specify(registration, unpacked, self.settings, loaded_at_startup=loaded_at_startup)
            workers = default_workers(self.settings, len(self.gpus()), loaded_at_startup=loaded_at_startup)
            target = first_target(registration, unpacked.config, self.settings.model_defaults(*spec.key), workers)
            # Whoever waits for workers learns from them that the handler is missing, in TorchServe's words.
            if not (registration.synchronous and target.min_workers):
                module_path = self._arrivals.environment_of(unpacked).module_path
                await self._threads.run(require_handler, spec, unpacked.folder, module_path)
            coming = await self._admit(SavedVersion(spec, target, is_default=False), unpacked)
        except BaseException:
            await self._arrivals.discard(registration.url, unpacked.archive, unpacked.scratch)
            raise
        return await self._status_of(registration, spec, target, coming)

    def _free_name(self, registration: Registration, manifest: Manifest) -> str:
        """Return the model's name; a version that is there already is refused before anything is installed for it."""
        key = name_version(registration, manifest)
        self._registry.require_free(key)
        return key.name

    async def _status_of(
        self, registration: Registration, spec: VersionSpec, target: Target, coming: list[Worker]
    ) -> str:
        text = f'Model "{spec.name}" Version: {spec.version} registered with {target.min_workers} initial workers'
        if target.min_workers == 0:
            return f"{text}. Use scale workers API to add workers for the model."
        if not registration.synchronous:
            return PROCESSING
        version = self._versions[spec.key]
        try:
            await version.pool.settled(coming)
        except WorkerStartError as error:
            await self._withdraw(version)
            raise _failed_to_start(spec.key, error) from error
        return text

    async def _admit(self, saved: SavedVersion, unpacked: Unpacked) -> list[Worker]:
        """Record a version, then let it serve; returns the workers that are to come up."""
        spec = saved.spec
        async with self._writing:
            self._require_running()
            self._registry.require_free(spec.key)
            if self._store:
                is_first = spec.name not in self._registry.names()
                await self._store.add(SavedVersion(spec, saved.target, is_first or saved.is_default))
            self._registry.add(spec)
            return self._serve(spec, saved.target, unpacked)

    def _serve(self, spec: VersionSpec, target: Target, unpacked: Unpacked) -> list[Worker]:
        self._tasks.start(self._launcher.prepare(), "prepare to start workers")
        environment = self._arrivals.environment_of(unpacked)
        launch = LaunchSpec(environment.python, unpacked.folder, environment.variables(self._environment))
        plan = worker_plan(spec, unpacked.folder, launch, self.settings)
        config, name = unpacked.config, f"{spec.name} {spec.version}"
        placement = self._devices.placement(name, config.device_type, config.device_ids)
        plan = self._seating.seated(measured(plan, spec.name, self.metrics), spec.key, placement)
        ids, rules = self._worker_ids, rules_of(spec, self.settings)
        version = Version(
            spec, unpacked.scratch, plan, self._launcher, ids, self._version_changed, placement, rules=rules
        )
        self._versions[spec.key] = version
        coming = version.set_target(target)
        self._feed.touch(spec.key)
        return coming

    async def _withdraw(self, version: Version) -> None:
        """Take back a registration whose workers did not come up, unless somebody else has done so meanwhile."""
        key = version.spec.key
        async with self._writing:
            if self._versions.get(key) is not version:
                return
            if self._store:
                await self._store.remove(key)
            self._forget(key)
        await self._close(version, 0)

    def _forget(self, key: Key) -> Version:
        """Take a version out of sight; whoever calls this closes it, and a stop meanwhile hurries that."""
        version = self._versions.pop(key)
        self._leaving.add(version)
        self._registry.remove(key)
        self._feed.remove(key)
        if key.name in self._registry.names():
            self._touch_all(key.name)
            successor = self._versions[self._registry.find(key.name).key]
            version.pass_on(successor, self.metrics.traffic(key.name, None))
        return version

    async def _close(self, version: Version, drain_timeout: float | None) -> None:
        try:
            await version.close(drain_timeout, self.settings.unregister_model_timeout)
            self._leaving.discard(version)
        except TimeoutError:
            # TorchServe's words. The version stays among the leaving: a stop still waits for its processes.
            raise TimedOutError(f"Timed out while cleaning resources: {version.spec.name}") from None
        finally:
            self.metrics.retain(self._versions.keys())
            await self._arrivals.discard(version.spec.url, version.spec.archive, version.scratch)

    def _is_needed(self, archive: str) -> bool:
        return any(version.spec.archive == archive for version in self._versions.values())

    def _touch_all(self, name: str) -> None:
        for spec in self._registry.versions(name):
            self._feed.touch(spec.key)

    def _version_changed(self, version: Version) -> None:
        if self._versions.get(version.spec.key) is version:
            self._feed.touch(version.spec.key)

    def _snapshot(self, key: Key) -> VersionSnapshot:
        return self._versions[key].snapshot(is_default=self._registry.default_of(key.name) == key.version)

    async def _restore(self, saved: SavedVersion) -> None:
        spec = saved.spec
        try:
            unpacked = await self._arrivals.bring(Registration(spec.archive), lambda _: spec.name, None)
        except (MarinaError, OSError) as error:
            log.error("%s %s was not brought back: %s", spec.name, spec.version, error)
            return
        self._registry.add(spec)
        if saved.is_default:
            self._registry.set_default(*spec.key)
        self._serve(spec, saved.target, unpacked)

    async def _load_at_start(self, model: AtStart) -> None:
        try:
            await self._register(model.registration, None, loaded_at_startup=model.snapshot is None)
            if model.snapshot:
                await self._follow(model.snapshot)
        except ConflictError as error:
            log.info("%s is there already: %s", model, error)
        except (MarinaError, OSError) as error:
            log.error("%s was not loaded: %s", model, error)

    async def _follow(self, snapshot: SnapshotModel) -> None:
        """Do what a registration cannot say: the largest number of workers, and the default version."""
        key = Key(snapshot.name, snapshot.version)
        if snapshot.max_workers > snapshot.min_workers:
            await self.scale(*key, min_workers=snapshot.min_workers, max_workers=snapshot.max_workers)
        if snapshot.is_default:
            await self.set_default(*key)


def _launcher(settings: Settings, environment: Mapping[str, str]) -> Launcher:
    if settings.fork_server and can_fork():
        return ForkLauncher(settings.worker_python or worker_python(), environment)
    return SpawnLauncher()


def _told_to_the_caller(name: str, error: BaseException) -> None:
    """Leave a failed act to whoever asked for it; the log is only for who looks closely."""
    log.debug("%s failed: %r", name, error)


def _target(min_workers: int, max_workers: int | None) -> Target:
    target = Target(min_workers, min_workers if max_workers is None else max_workers)
    require_range("min_worker", target.min_workers, *RANGES["min_worker"])
    require_range("max_worker", target.max_workers, *RANGES["max_worker"])
    if target.max_workers < target.min_workers:
        raise BadRequestError("max_worker cannot be less than min_worker.")
    return target


def _seconds(timeout: int) -> float | None:
    """Return the API's timeout as a limit in seconds, None for -1 (no limit)."""
    return None if timeout < 0 else timeout


def _failed_to_start(key: Key, error: WorkerStartError) -> WorkerStartError:
    text = f"Failed to start workers for model {key.name} version: {key.version}"
    return WorkerStartError(text, cause=error.cause, out_of_memory=error.out_of_memory)


def _no_worker(name: str, version: str | None) -> str:
    """Return TorchServe's text for both a missing worker and a full queue, its stray quote included."""
    of_version = "" if version is None else f' Version {version}"'
    return (
        f'Model "{name}"{of_version} has no worker to serve inference request. Please use scale workers API to add '
        "workers. If this is a sequence inference, please check if it is closed, or expired; or exceeds "
        "maxSequenceJobQueueSize"
    )
