"""Fetching an archive into the model store: over http, https, or from a file elsewhere on this machine.

Requests run on the loop; disk and looking up hosts in threads. Nothing of a download is in the store under its name
before it is whole and checked, and nothing is left of one that failed or was cancelled.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import shutil
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import url2pathname

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from engine.archives.progress import CHUNK, Meter, ProgressCallback
from engine.archives.sources import take_name
from engine.archives.summary import check
from engine.archives.urls import Source, file_name, is_public, judge, not_public
from engine.errors import ArchiveNotFoundError, ConflictError, DownloadError
from engine.threads import Threads

Lookup = Callable[[str, int], Awaitable[list[str]]]

log = logging.getLogger(__name__)

MAX_SIZE = 64 * 1024**3
# What a download leaves free on the disk, in bytes.
MIN_FREE = 256 * 1024**2
MAX_REDIRECTS = 3
# Seconds: until connected, without a byte, and for all of it, which ends a source that trickles.
CONNECT_SECONDS = 30.0
SILENCE_SECONDS = 60.0
TOTAL_SECONDS = 24 * 3600.0
_REDIRECTS = {301, 302, 303, 307, 308}
# The archive as it lies there: what is compressed on the way could grow without end.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "Marina"}


class Downloader:
    """Brings archives into one model store, from where `allowed` lets them come (`urls.judge`)."""

    def __init__(
        self, allowed: tuple[str, ...] | None, model_store: Path, threads: Threads, lookup: Lookup | None = None
    ) -> None:
        """`lookup(host, port)` replaces how the addresses of a host are found."""
        self._allowed = allowed
        self._store = model_store
        self._threads = threads
        self._lookup = lookup or look_up

    async def fetch(self, url: str, progress: ProgressCallback | None = None) -> Path:
        """Return the file in the model store that now holds the archive; `progress` is called on the loop.

        Whatever is raised, and when cancelled, nothing is left.

        Raises:
            ArchiveNotFoundError: the URL is not allowed.
            ConflictError: the store has a file of that name (TorchServe).
            DownloadError: it could not be read; the log says why.
            InvalidArchiveError: what came is no archive.

        """
        source = judge(url, self._allowed)
        incoming = _Incoming(self._store, file_name(source))
        try:
            await self._whole(incoming.open)
            if source.is_file:
                await self._threads.run_cancellable(
                    lambda report, cancel: _copy_file(source, incoming, report, cancel), progress
                )
            else:
                await self._request(source, incoming, progress)
            return await self._threads.run_cancellable(lambda _report, cancel: incoming.place(cancel), None)
        except BaseException as error:
            await self._whole(incoming.discard)
            if isinstance(error, OSError | ClientError):
                log.warning("%s could not be fetched: %r", url, error)
                raise DownloadError(f"Failed to download archive from: {url}") from error
            raise

    async def _request(self, source: Source, incoming: _Incoming, progress: ProgressCallback | None) -> None:
        hop, addresses = source, await self._addresses(source)
        for _ in range(MAX_REDIRECTS + 1):
            async with _session(addresses) as session, session.get(hop.parsed, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    return await self._save(response, incoming, progress)
                location = response.headers.get("Location", "")
            hop, addresses = await self._follow(hop, location)
        raise OSError(f"more than {MAX_REDIRECTS} redirects")

    async def _addresses(self, source: Source) -> list[str]:
        """Return where to connect to; ArchiveNotFoundError when one of the addresses is not public but must be."""
        async with asyncio.timeout(CONNECT_SECONDS):
            found = await self._lookup(source.parsed.host or "", source.parsed.port or 0)
        if source.public_only and not all(is_public(address) for address in found):
            raise not_public(source.url)
        return found

    async def _follow(self, hop: Source, location: str) -> tuple[Source, list[str]]:
        """Judge where a redirect leads as if it had been asked for; what is refused is no concern of the caller's."""
        try:
            following = judge(urljoin(hop.url, location), self._allowed)
            if following.parsed.scheme not in {hop.parsed.scheme, "https"}:
                raise OSError(f"a redirect from {hop.parsed.scheme} to {following.parsed.scheme}")
            return following, await self._addresses(following)
        except (ArchiveNotFoundError, ValueError) as error:
            raise OSError(f"a redirect that is refused: {error}") from error

    async def _save(self, response: ClientResponse, incoming: _Incoming, progress: ProgressCallback | None) -> None:
        if response.status != HTTPStatus.OK:
            raise OSError(f"the answer is {response.status} {response.reason}")
        total = response.content_length or 0
        await self._threads.run(incoming.require_room, total)
        meter = Meter("downloading", total, progress, None)
        async for chunk in response.content.iter_chunked(CHUNK):
            await self._whole(partial(incoming.write, chunk))
            meter.add(len(chunk))
        meter.report()

    async def _whole(self, work: Callable[[], None]) -> None:
        """Do `work` in a thread; a caller that is cancelled meanwhile leaves once it is done."""
        await self._threads.run_cancellable(lambda _report, _cancel: work(), None)


class _Incoming:
    """An archive on its way into the model store: a file in a private folder there until it is whole. Blocking."""

    def __init__(self, model_store: Path, name: str) -> None:
        self._folder = model_store / f".incoming-{secrets.token_hex(8)}"
        self._path = self._folder / name
        self._target = model_store / name
        self._placed = False
        self._size = 0

    def open(self) -> None:
        """Begin; raises ConflictError when the name is taken in the store."""
        if self._target.exists() or self._target.is_symlink():
            raise self._conflict()
        self._folder.mkdir(mode=0o700)
        self._path.touch(mode=0o600)

    def require_room(self, size: int) -> None:
        """Raise OSError when `size` more bytes are too many for an archive, or for the disk."""
        if self._size + size > MAX_SIZE:
            raise OSError(errno.EFBIG, f"it has more than {MAX_SIZE} bytes")
        if shutil.disk_usage(self._folder).free < size + MIN_FREE:
            raise OSError(errno.ENOSPC, "too little is free on the disk of the model store")

    def write(self, chunk: bytes) -> None:
        """Append `chunk`; raises OSError when it does not fit."""
        self.require_room(len(chunk))
        with self._path.open("ab") as file:
            file.write(chunk)
        self._size += len(chunk)

    def place(self, cancel: threading.Event) -> Path:
        """Check the archive and give it its name; raises InvalidArchiveError or ConflictError."""
        check(self._path, cancel)
        with self._path.open("rb+") as file:
            os.fsync(file.fileno())
        try:
            take_name(self._path, self._target)
        except FileExistsError:
            raise self._conflict() from None
        self._placed = True
        shutil.rmtree(self._folder)
        return self._target

    def discard(self) -> None:
        """Remove whatever is there, the finished archive too: whoever waited for it has gone."""
        if self._placed:
            self._target.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _conflict(self) -> ConflictError:
        return ConflictError(f"Model file already exists {self._target.name}")


class _Checked(AbstractResolver):
    """Answers with the addresses that were judged, so that no other answer of a name server is ever connected to."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return every address that was judged."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
        ]

    @override
    async def close(self) -> None:
        """Nothing is open."""


def _session(addresses: list[str]) -> ClientSession:
    """Return a client for one request: no proxy, no cookies, nothing unpacked, certificates checked."""
    return ClientSession(
        connector=TCPConnector(resolver=_Checked(addresses), use_dns_cache=False, force_close=True),
        timeout=ClientTimeout(TOTAL_SECONDS, CONNECT_SECONDS, sock_read=SILENCE_SECONDS),
        headers=_HEADERS,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=CHUNK,
    )


def _copy_file(source: Source, incoming: _Incoming, report: ProgressCallback, cancel: threading.Event) -> None:
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


async def look_up(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host; raises OSError.

    In a thread of its own: a name server that does not answer holds up neither the disk nor Marina's end.
    """
    found: Future[list[str]] = Future()
    found.set_running_or_notify_cancel()

    def work() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            found.set_exception(OSError(f"the host {host} is unknown: {error}"))
        else:
            found.set_result([str(info[4][0]) for info in infos])

    threading.Thread(target=work, name=f"look up {host}", daemon=True).start()
    return await asyncio.wrap_future(found)
