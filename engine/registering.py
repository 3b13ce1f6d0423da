"""From a registration to a recorded version: brings the archive in, decides, waits for workers. On the loop.

Until the version is being recorded the registration is an act that may be cancelled, and nothing of it remains then.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from engine.archives.urls import shown
from engine.errors import BadRequestError, ConflictError, MarinaError, WorkerStartError
from engine.ranges import RANGES
from engine.record.rows import SavedVersion
from engine.registration import (
    PROCESSING,
    Registration,
    default_workers,
    first_target,
    name_version,
    recorded,
    require_range,
    specify,
)
from engine.registry.records import Target
from engine.unpacked import require_handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.acts import Acts
    from engine.archives.manifest import Manifest
    from engine.arrivals import Arrivals
    from engine.at_start import AtStart
    from engine.catalogue import Catalogue
    from engine.devices.devices import Devices
    from engine.registry.records import VersionSpec
    from engine.settings import Settings
    from engine.snapshots import Progress
    from engine.threads import Threads
    from engine.unpacked import Unpacked
    from engine.workers.worker import Worker

log = logging.getLogger(__name__)


class Registering:
    """Everything that ends with a further version in the catalogue."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        arrivals: Arrivals,
        acts: Acts,
        devices: Devices,
        threads: Threads,
    ) -> None:
        """Nothing happens yet."""
        self._settings = settings
        self._catalogue = catalogue
        self._arrivals = arrivals
        self._acts = acts
        self._devices = devices
        self._threads = threads

    async def register(
        self,
        registration: Registration,
        progress: Callable[[Progress], None] | None,
        *,
        loaded_at_startup: bool,
        target: Target | None = None,
    ) -> str:
        """Register a version and return TorchServe's status text; `Engine.register` says what is raised.

        `target` is how many workers a snapshot wants, whatever archive and settings say.
        """
        self._catalogue.require_running()
        unpacked = await self._bring(registration, lambda found: self._free_name(registration, found), progress)
        adding = self._add(registration, unpacked, target, loaded_at_startup=loaded_at_startup)
        return await self._catalogue.whole(adding, f"register {shown(registration.url)}")

    async def restore(self, saved: SavedVersion) -> str:
        """Bring a version back that the record holds; returns "", or why it cannot come. It stays recorded.

        Archive and settings decide anew whatever nobody said, as they are today.
        """
        try:
            unpacked = await self._bring(Registration(saved.archive), lambda _: saved.key.name, None)
            try:
                spec, target = self._decide(saved, unpacked)
            except BaseException:
                await self._arrivals.discard(saved.archive, unpacked.archive, unpacked.scratch)
                raise
        except (MarinaError, OSError) as error:
            return str(error)
        except Exception as error:
            log.exception("%s %s cannot be brought back.", saved.key.name, saved.key.version)
            return f"an unexpected error, which the log has in full ({type(error).__name__}: {error})"
        self._catalogue.readmit(spec, target, unpacked, is_default=saved.is_default)
        return ""

    async def load_at_start(self, model: AtStart) -> None:
        """Register a model that the settings name; one that cannot come is named in the log."""
        try:
            await self.register(model.registration, None, loaded_at_startup=model.snapshot is None, target=model.target)
            if model.snapshot and model.snapshot.is_default:
                name, version = model.snapshot.name, model.snapshot.version
                await self._catalogue.whole(self._catalogue.set_default(name, version), f"default of {name}")
        except ConflictError as error:
            log.info("%s is there already: %s", model, error)
        except (MarinaError, OSError) as error:
            log.error("%s was not loaded: %s", model, error)
        except Exception:
            log.exception("%s was not loaded.", model)

    async def _bring(
        self,
        registration: Registration,
        name_of: Callable[[Manifest], str],
        progress: Callable[[Progress], None] | None,
    ) -> Unpacked:
        return await self._acts.carry(
            shown(registration.url), lambda report: self._arrivals.bring(registration, name_of, report), progress
        )

    async def _add(
        self, registration: Registration, unpacked: Unpacked, wished: Target | None, *, loaded_at_startup: bool
    ) -> str:
        try:
            key = name_version(registration, unpacked.manifest)
            saved = SavedVersion(key, unpacked.archive, recorded(registration), loaded_at_startup, target=wished)
            spec, target = self._decide(saved, unpacked)
            # Whoever waits for workers learns from them that the handler is missing, in TorchServe's words.
            if not (registration.synchronous and target.min_workers):
                module_path = self._arrivals.environment_of(unpacked).module_path
                await self._threads.run(require_handler, spec, unpacked.folder, module_path)
            coming = await self._catalogue.admit(saved, spec, target, unpacked)
        except BaseException:
            await self._arrivals.discard(registration.url, unpacked.archive, unpacked.scratch)
            raise
        return await self._status_of(registration, spec, target, coming)

    def _decide(self, saved: SavedVersion, unpacked: Unpacked) -> tuple[VersionSpec, Target]:
        """Return what archive and settings make of what was said.

        Raises InvalidArchiveError for want of a handler, BadRequestError for numbers that a registration may not have:
        records of earlier versions can hold them.
        """
        saved.registration.check()
        settings, key, at_startup = self._settings, saved.key, saved.loaded_at_startup
        spec = specify(saved.registration, key, unpacked, settings, loaded_at_startup=at_startup)
        if saved.target is not None:
            return spec, wanted(saved.target.min_workers, saved.target.max_workers)
        workers = default_workers(settings, len(self._devices.gpus), loaded_at_startup=at_startup)
        archive_first = settings.api_dialect == "torchserve-0.12"
        given = settings.model_defaults(*key)
        return spec, first_target(saved.registration, unpacked.config, given, workers, archive_first=archive_first)

    def _free_name(self, registration: Registration, manifest: Manifest) -> str:
        """Return the model's name; a version that is there already is refused before anything is installed for it."""
        key = name_version(registration, manifest)
        self._catalogue.require_free(key)
        return key.name

    async def _status_of(
        self, registration: Registration, spec: VersionSpec, target: Target, coming: list[Worker]
    ) -> str:
        text = f'Model "{spec.name}" Version: {spec.version} registered with {target.min_workers} initial workers'
        if target.min_workers == 0:
            return f"{text}. Use scale workers API to add workers for the model."
        if not registration.synchronous:
            return PROCESSING
        version = self._catalogue.find(*spec.key)
        try:
            await version.pool.settled(coming)
        except WorkerStartError as error:
            await self._catalogue.withdraw(version)
            raise failed_to_start(*spec.key, error) from error
        return text


def wanted(min_workers: int, max_workers: int | None) -> Target:
    """Return the target that a caller asks for, `max_workers` None being as many. Raises BadRequestError."""
    target = Target(min_workers, min_workers if max_workers is None else max_workers)
    require_range("min_worker", target.min_workers, *RANGES["min_worker"])
    require_range("max_worker", target.max_workers, *RANGES["max_worker"])
    if target.max_workers < target.min_workers:
        raise BadRequestError("max_worker cannot be less than min_worker.")
    return target


def failed_to_start(name: str, version: str, error: WorkerStartError) -> WorkerStartError:
    """Return TorchServe's error for workers that did not come up."""
    text = f"Failed to start workers for model {name} version: {version}"
    return WorkerStartError(text, cause=error.cause, out_of_memory=error.out_of_memory)
