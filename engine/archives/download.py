"""Fetching an archive into the model store: over http, https, from S3, or from a file elsewhere on this machine.

A request to S3 is one over http or https with a signature. Requests run on the loop; disk, looking up hosts and boto3
in threads. Nothing of a download is in the store under its name before it is whole and checked, and nothing is left of
one that failed or was cancelled.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import url2pathname

from aiohttp import ClientError

from engine.archives.connecting import Lookup, Routes
from engine.archives.download_cache import key_of
from engine.archives.incoming import Incoming
from engine.archives.progress import CHUNK, Meter, ProgressCallback
from engine.archives.receiving import Receiver
from engine.archives.s3_urls import is_presigned, is_s3, s3_object
from engine.archives.trying import told
from engine.archives.urls import Source, file_name, judge
from engine.archives.ways import PlainWay, SignedWay, Way
from engine.errors import BadRequestError, DownloadError
from engine.threads import Threads

if TYPE_CHECKING:
    from engine.archives.download_cache import DownloadCache

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What to fetch. With `signed`, and always for s3://, the request carries AWS's signature.

    It is made from the credentials that boto3 finds, of `profile` where one is named; SSE-S3 and SSE-KMS need no more.
    `sha256` is what the archive must have, None for any.
    """

    url: str
    signed: bool = False
    sha256: str | None = None
    profile: str | None = None


class Downloader:
    """Brings archives into one model store, from where `allowed` lets them come (`urls.judge`)."""

    def __init__(
        self,
        allowed: tuple[str, ...] | None,
        model_store: Path,
        threads: Threads,
        cache: DownloadCache | None = None,
        lookup: Lookup | None = None,
        customer_key: Path | None = None,
    ) -> None:
        """`lookup(host, port)` replaces how the addresses of a host are found; `customer_key` is the file for SSE-C."""
        self._allowed = allowed
        self._store = model_store
        self._threads = threads
        self._cache = cache
        self._customer_key = customer_key
        self._routes = Routes(allowed, threads, lookup)

    async def fetch(self, wish: Wish, progress: ProgressCallback | None = None) -> Path:
        """Return the file in the model store that now holds the archive; `progress` is called on the loop.

        Whatever is raised, and when cancelled, nothing is left.

        Raises:
            ArchiveNotFoundError: the URL is not allowed.
            BadRequestError: it is to be signed, but names no object or is a file.
            ConflictError: the store has a file of that name (TorchServe).
            DownloadError: it could not be read; the log says why, and for a signed request the error as well.
            InvalidArchiveError: what came is no archive, or has another sha256 than it must.

        """
        source = judge(wish.url, self._allowed)
        way = None if source.is_file and not wish.signed else self._way(source, wish)
        incoming = Incoming(self._store, file_name(source))
        with _failures(wish.url, explained=isinstance(way, SignedWay)):
            try:
                await self._whole(incoming.open)
                if way is None:
                    await self._threads.run_cancellable(
                        lambda report, cancel: _copy_file(source, incoming, report, cancel), progress
                    )
                    return await self._place(incoming, wish)
                return await self._receive(way, wish, incoming, progress)
            except BaseException:
                await self._whole(incoming.discard)
                raise

    async def try_source(self, wish: Wish) -> str:
        """Return what is there, in words, without fetching it; raises what `fetch` raises but for what it finds."""
        source = judge(wish.url, self._allowed)
        file_name(source)
        if source.is_file and not wish.signed:
            raise BadRequestError("A file of this machine needs no trying; register it.")
        way = self._way(source, wish)
        with _failures(wish.url, explained=True):
            # S3 explains nothing to HEAD; and one byte of an object shows whether the KMS key may be used.
            async with way.ask({"Range": "bytes=0-0"}) as response:
                return told(response)

    async def _receive(self, way: Way, wish: Wish, incoming: Incoming, progress: ProgressCallback | None) -> Path:
        receiver = Receiver(way, incoming, self._threads, progress)
        cache, key = self._cache, key_of(wish.url, signed=wish.signed, profile=wish.profile)
        kept = await self._threads.run(cache.find, key) if cache else None
        if not await receiver.receive(kept.validator if kept else None) and kept:
            taken = await self._threads.run_cancellable(
                lambda report, cancel: incoming.take(kept.path, kept.sha256, report, cancel), progress
            )
            if taken:
                return await self._place(incoming, wish)
            await receiver.receive()
        path = await self._place(incoming, wish)
        if cache and (validator := receiver.validator) and not is_presigned(judge(wish.url, self._allowed).parsed):
            await self._whole(lambda: cache.keep(key, path, incoming.digest, validator))
        return path

    async def _place(self, incoming: Incoming, wish: Wish) -> Path:
        return await self._threads.run_cancellable(lambda _report, cancel: incoming.place(wish.sha256, cancel), None)

    def _way(self, source: Source, wish: Wish) -> Way:
        """Return how the source is asked; a URL that carries a signature needs no other."""
        if source.is_file:
            raise BadRequestError("s3_sse_kms is for http, https and s3 URLs; leave it out for a file.")
        if is_s3(source.url) or (wish.signed and not is_presigned(source.parsed)):
            target = s3_object(source.url, source.parsed)
            return SignedWay(source, target, self._routes, self._threads, wish.profile, self._customer_key)
        return PlainWay(source, self._routes)

    async def _whole(self, work: Callable[[], None]) -> None:
        """Do `work` in a thread; a caller that is cancelled meanwhile leaves once it is done."""
        await self._threads.run_cancellable(lambda _report, _cancel: work(), None)


@contextmanager
def _failures(url: str, *, explained: bool) -> Iterator[None]:
    """Turn what may go wrong on the way into a DownloadError, which says why when it is to be `explained`."""
    try:
        yield
    except (OSError, ClientError) as error:
        # Without the query, which may hold a signature, and without the error's headers, which may hold a password.
        log.warning("%s could not be fetched: %s: %s", url.partition("?")[0], type(error).__name__, error)
        # TorchServe: no reason. A signed request has so many ways to fail that it says which one it was.
        reason = f". {error}" if explained and str(error) else ""
        raise DownloadError(f"Failed to download archive from: {url}{reason}") from error


def _copy_file(source: Source, incoming: Incoming, report: ProgressCallback, cancel: threading.Event) -> None:
    path = Path(url2pathname(source.parsed.raw_path))
    if not path.is_file():
        raise OSError(f"{path} is no file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        incoming.require_room(size)
        meter = Meter("downloading", size, report, cancel)
        while chunk := file.read(CHUNK):
            incoming.write(chunk)
            meter.add(len(chunk))
    meter.report()
