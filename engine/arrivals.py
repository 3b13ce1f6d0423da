"""Archives on their way: from what a registration names to a folder that workers can start from, and away again.

On the loop; downloads, disk and unpacking are elsewhere. It knows no versions: callers say which name a model will
have. An archive of the store is in use from the moment that a registration looks for it until `discard`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.archives.download import Downloader, Wish
from engine.archives.download_cache import DownloadCache
from engine.archives.incoming import require_sha256
from engine.archives.private import remove_abandoned
from engine.archives.progress import sha256
from engine.archives.sources import locate
from engine.archives.urls import is_remote
from engine.environments.environments import Environments
from engine.errors import BadRequestError
from engine.scratch import Scratch
from engine.unpacked import archive_name, unpack_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from threading import Event

    from engine.archives.manifest import Manifest
    from engine.environments.environments import Environment
    from engine.home import Home
    from engine.registration import Registration
    from engine.settings import Settings
    from engine.snapshots import Progress
    from engine.threads import Threads
    from engine.unpacked import Unpacked


class Arrivals:
    """Brings archives in, and removes what they left. Call `open` first, `close` when no version is left."""

    def __init__(
        self,
        settings: Settings,
        home: Home,
        variables: Mapping[str, str],
        threads: Threads,
        is_recorded: Callable[[str], bool],
        placed: Callable[[str], None],
    ) -> None:
        """`variables` are those of workers; `is_recorded` tells whether the record needs an archive of the store.

        `placed` hears of every archive that a URL brought into the store.
        """
        self.scratch = Scratch(home.unpacked)
        self._model_store = home.model_store
        self._allowed_urls = settings.allowed_urls
        self._threads = threads
        self._is_recorded = is_recorded
        self._in_use: dict[Path, str] = {}
        self._removing = asyncio.Lock()
        self._placed = placed
        self._cache = DownloadCache(home.downloads, settings.download_cache_size)
        self._downloader = Downloader(
            settings.allowed_urls,
            home.model_store,
            threads,
            self._cache,
            customer_key=settings.s3_sse_c_key_file,
        )
        self._environments = Environments(home.environments, home.model_store, settings, variables, threads)

    async def open(self) -> None:
        """Take a folder for unpacked models, and remove what processes that were killed left; raises OSError."""
        await self._threads.run(self.scratch.open)
        await self._threads.run(remove_abandoned, self._model_store)
        await self._threads.run(self._cache.shrink)

    async def sweep(self) -> None:
        """Remove environments that no process has used for long, or that a process which was killed left unfinished."""
        await self._environments.sweep()

    async def close(self) -> None:
        """Remove the folder of unpacked models; the packages that were installed stay for the next start."""
        await self._environments.close()
        await self._threads.run(self.scratch.close)

    async def bring(
        self,
        registration: Registration,
        name_of: Callable[[Manifest], str],
        progress: Callable[[Progress], None] | None,
    ) -> Unpacked:
        """Find and unpack an archive, and have the packages that it asks for; on failure nothing is left.

        `name_of` gives the model's name and may refuse it. Raises what it raises, ArchiveNotFoundError, DownloadError,
        InvalidArchiveError, RequirementsError, SettingsError and OSError.
        """
        unpacked = await self._unpack(registration, progress)
        try:
            await self._environments.provide(name_of(unpacked.manifest), unpacked, progress)
        except BaseException:
            await self.discard(registration.url, unpacked.archive, unpacked.scratch)
            raise
        return unpacked

    def environment_of(self, unpacked: Unpacked) -> Environment:
        """Return what the workers of an unpacked archive run in."""
        return self._environments.of(unpacked.scratch)

    async def discard(self, url: str, archive: str, scratch: Path) -> None:
        """Remove what was unpacked, and an archive that a URL brought (TorchServe), unless a version needs it."""
        self._in_use.pop(scratch, None)
        await self._threads.run(self.scratch.remove, scratch)
        await self._environments.release(scratch)
        if is_remote(url):
            await self._remove_unused(archive)

    def is_in_use(self, archive: str) -> bool:
        """Whether a version has this archive of the store, or is about to have it."""
        return archive in self._in_use.values()

    async def try_source(self, registration: Registration) -> str:
        """Return what is where a URL points to, in words; raises what fetching it raises."""
        return await self._downloader.try_source(_wish(registration))

    async def _unpack(self, registration: Registration, progress: Callable[[Progress], None] | None) -> Unpacked:
        """Find an archive, which a URL brings into the model store first, and unpack it; on failure nothing is left."""
        url, scratch = registration.url, self.scratch.new_folder()
        archive = ""
        try:
            if is_remote(url):
                path = await self._downloader.fetch(_wish(registration), progress)
                archive = self._in_use[scratch] = path.name
                self._placed(archive)
            else:
                path = await self._locate(registration, scratch, progress)
            return await self._threads.run_cancellable(
                lambda report, cancel: unpack_model(path, self._model_store, scratch, report, cancel), progress
            )
        except BaseException:
            self._in_use.pop(scratch, None)
            await self._threads.run(self.scratch.remove, scratch)
            if archive:
                await self._remove_unused(archive)
            raise

    async def _locate(
        self, registration: Registration, scratch: Path, progress: Callable[[Progress], None] | None
    ) -> Path:
        """Return the archive that the store has, which is in use from now on."""
        async with self._removing:
            path = await self._threads.run(locate, registration.url, self._model_store, self._allowed_urls)
            self._in_use[scratch] = archive_name(path, self._model_store)
        if wished := registration.sha256:
            await self._threads.run_cancellable(
                lambda report, cancel: _require_sha256(path, wished, report, cancel), progress
            )
        return path

    async def _remove_unused(self, archive: str) -> None:
        """Remove an archive that a URL brought, unless another version has it or the record needs it."""
        async with self._removing:
            if not self.is_in_use(archive) and not self._is_recorded(archive):
                await self._threads.run((self._model_store / archive).unlink, missing_ok=True)


def _wish(registration: Registration) -> Wish:
    return Wish(registration.url, registration.s3_sse_kms, registration.sha256, registration.s3_profile)


def _require_sha256(path: Path, wished: str, report: Callable[[Progress], None], cancel: Event) -> None:
    if path.is_dir():
        raise BadRequestError(f"{path.name} is a folder, which has no sha256. Leave sha256 out.")
    require_sha256(path.name, sha256(path, report, cancel), wished)
