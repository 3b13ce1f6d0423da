"""The registered versions: registry, record and versions at work, which every change keeps in step. On the loop.

A change checks, records the new target in the store, and only then acts; one change is made at a time.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from engine.acts import told_to_the_caller
from engine.errors import TimedOutError, UnavailableError
from engine.registry.feed import Feed
from engine.registry.registry import Registry
from engine.snapshot_files import Entry
from engine.snapshots import Changes, Key
from engine.tasks import TaskGroup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from engine.arrivals import Arrivals
    from engine.assembly import Assembly
    from engine.metrics.collected import Metrics
    from engine.record.rows import SavedVersion
    from engine.registry.records import Target, VersionSpec
    from engine.snapshots import VersionSnapshot
    from engine.store import Store
    from engine.unpacked import Unpacked
    from engine.version import Version
    from engine.workers.worker import Worker

T = TypeVar("T")


class Catalogue:
    """All versions of one engine.

    `feed` tells who changed. `leaving` are versions out of sight whose workers are not gone yet. `under_way` are the
    changes that go on now.
    """

    def __init__(
        self,
        versions: dict[Key, Version],
        store: Store | None,
        assembly: Assembly,
        arrivals: Arrivals,
        metrics: Metrics,
        *,
        exit_timeout: float,
        after_change: Callable[[], Awaitable[None]],
    ) -> None:
        """`versions` are kept here and may be read elsewhere.

        `store` None records nothing. Processes of a version that goes may take `exit_timeout` seconds after their kill.
        `after_change` runs after each change, before the next, and never raises.
        """
        self.store = store
        self.feed = Feed()
        self.leaving: set[Version] = set()
        self.under_way = TaskGroup(on_error=told_to_the_caller)
        self._versions = versions
        self._registry = Registry()
        self._assembly = assembly
        self._arrivals = arrivals
        self._metrics = metrics
        self._exit_timeout = exit_timeout
        self._after_change = after_change
        self._writing = asyncio.Lock()
        self._stopping = False

    @property
    def was_used(self) -> bool:
        """Whether the record was ever written to, so that it is what tells which models there are."""
        return self.store is not None and self.store.was_used

    @property
    def notices(self) -> tuple[str, ...]:
        """What was repaired in the record or set aside when it was opened, in sentences."""
        return self.store.notices if self.store else ()

    def records(self, archive: str) -> bool:
        """Whether a recorded version needs this archive of the model store, also one that did not come back."""
        return self.store is not None and archive in self.store.archives

    async def open(self) -> list[SavedVersion]:
        """Return what the record holds, which `readmit` brings back. Raises StoreError."""
        return await self.store.open() if self.store else []

    # Reading

    def find(self, name: str, version: str | None) -> Version:
        """Return the version named, or the default one. Raises NotFoundError."""
        return self._versions[self._registry.find(name, version).key]

    @property
    def models(self) -> int:
        """How many models there are."""
        return self._registry.models

    def defaults(self) -> list[Version]:
        """Return the default version of each model."""
        return [self._versions[spec.key] for spec in self._registry.defaults()]

    def listed(self, start: int, stop: int | None) -> list[VersionSpec]:
        """Return the records of the default versions, sorted by the models' names: from `start` on, before `stop`."""
        return self._registry.defaults(start, stop)

    def versions(self, name: str) -> list[Version]:
        """Return every version of a model. Raises NotFoundError."""
        return [self._versions[spec.key] for spec in self._registry.versions(name)]

    def entries(self) -> list[Entry]:
        """Return what a snapshot file says of each version, oldest registration first within a model."""
        default_of = self._registry.default_of
        versions = self._versions
        return [
            Entry(spec, versions[spec.key].pool.target, default_of(spec.name) == spec.version)
            for spec in self._registry
        ]

    def snapshot(self, version: Version) -> VersionSnapshot:
        """Return a version as it is now."""
        name, number = version.spec.key
        return version.snapshot(is_default=self._registry.default_of(name) == number)

    def changes(self, since: int) -> Changes:
        """Return the newest snapshot of whatever changed after the revision `since`; 0 asks for everything."""
        for key, version in self._versions.items():
            if version.was_active():
                self.feed.touch(key)
        news = self.feed.since(since)
        changed = tuple(self.snapshot(self._versions[key]) for key in news.changed)
        return Changes(news.revision, changed, news.removed, news.complete)

    def require_free(self, key: Key) -> None:
        """Raise ConflictError when that version is registered already."""
        self._registry.require_free(key)

    def require_running(self) -> None:
        """Raise UnavailableError once Marina stops."""
        if self._stopping:
            raise UnavailableError("Marina is stopping and takes no more changes.")

    # Changing

    async def whole(self, change: Coroutine[Any, Any, T], name: str) -> T:
        """Carry a change through even when its caller leaves half way: record, registry and workers stay in step."""
        return await asyncio.shield(self.under_way.start(change, name))

    async def admit(self, saved: SavedVersion, spec: VersionSpec, target: Target, unpacked: Unpacked) -> list[Worker]:
        """Record a version, then let it serve; returns the workers that are to come up."""
        async with self._changing():
            self.require_running()
            self._registry.require_free(spec.key)
            if self.store:
                await self.store.add(replace(saved, is_default=not self._registry.has(spec.name)))
            self._registry.add(spec)
            return self._serve(spec, target, unpacked)

    def readmit(self, spec: VersionSpec, target: Target, unpacked: Unpacked, *, is_default: bool) -> None:
        """Let a version serve that the record holds."""
        self._registry.add(spec)
        if is_default:
            self._registry.set_default(*spec.key)
        self._serve(spec, target, unpacked)

    async def scale(
        self, name: str, version: str | None, target: Target, drain_timeout: float | None
    ) -> tuple[Version, list[Worker]]:
        """Take a new target; returns the version, and the workers that are to come up."""
        async with self._changing():
            self.require_running()
            running = self.find(name, version)
            if self.store:
                await self.store.set_target(running.spec.key, target)
            coming = running.set_target(target, drain_timeout)
        self.feed.touch(running.spec.key)
        return running, coming

    async def set_default(self, name: str, version: str) -> None:
        """Make a version the default one."""
        async with self._changing():
            key = self._registry.require_version(name, version)
            if self.store:
                await self.store.set_default(key)
            self._registry.set_default(*key)
        self._touch_all(name)

    async def unregister(self, name: str, version: str | None, drain_timeout: float | None) -> None:
        """Remove a version and wait until its workers are gone; raises TimedOutError as `Engine.unregister` does.

        One that is recorded and did not come back is forgotten when its name and version are given.
        """
        async with self._changing():
            if version is not None and await self._forget_missing(Key(name, version)):
                return
            spec = self._registry.require_removable(name, version)
            if self.store:
                await self.store.remove(spec.key)
            leaving = self._forget(spec.key)
        await self._close(leaving, drain_timeout)

    async def withdraw(self, version: Version) -> None:
        """Take back a registration whose workers did not come up, unless somebody else has done so meanwhile."""
        key = version.spec.key
        async with self._changing():
            if self._versions.get(key) is not version:
                return
            if self.store:
                await self.store.remove(key)
            self._forget(key)
        await self._close(version, 0)

    def refuse(self) -> None:
        """Take no more changes."""
        self._stopping = True

    async def stop(self, grace: float) -> None:
        """Give requests in flight `grace` seconds, end every worker and every change, and close the record."""
        async with self._writing:
            versions = {*self._versions.values(), *self.leaving}
        await asyncio.gather(*(version.close(grace) for version in versions))
        await self.under_way.join()
        if self.store:
            await self.store.close()

    # Behind the changes

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """Make one change at a time; what follows a change sees it whole."""
        async with self._writing:
            yield
            await self._after_change()

    def _serve(self, spec: VersionSpec, target: Target, unpacked: Unpacked) -> list[Worker]:
        version = self._versions[spec.key] = self._assembly.make(spec, unpacked, self._version_changed)
        coming = version.set_target(target)
        self.feed.touch(spec.key)
        return coming

    async def _forget_missing(self, key: Key) -> bool:
        """Remove a version from the record that is there alone; returns whether that was so."""
        if self.store is None or key in self._versions or not self.store.holds(key):
            return False
        await self.store.remove(key)
        return True

    def _forget(self, key: Key) -> Version:
        """Take a version out of sight; whoever calls this closes it, and a stop meanwhile hurries that."""
        version = self._versions.pop(key)
        self.leaving.add(version)
        self._registry.remove(key)
        self.feed.remove(key)
        if self._registry.has(key.name):
            self._touch_all(key.name)
            version.pass_on(self.find(key.name, None), self._metrics.traffic(key.name, None))
        return version

    async def _close(self, version: Version, drain_timeout: float | None) -> None:
        try:
            await version.close(drain_timeout, self._exit_timeout)
            self.leaving.discard(version)
        except TimeoutError:
            # TorchServe's words. The version stays among the leaving: a stop still waits for its processes.
            raise TimedOutError(f"Timed out while cleaning resources: {version.spec.name}") from None
        finally:
            self._metrics.retain(self._versions.keys())
            await self._arrivals.discard(version.spec.url, version.spec.archive, version.scratch)

    def _touch_all(self, name: str) -> None:
        for spec in self._registry.versions(name):
            self.feed.touch(spec.key)

    def _version_changed(self, version: Version) -> None:
        if self._versions.get(version.spec.key) is version:
            self.feed.touch(version.spec.key)
