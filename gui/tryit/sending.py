"""Sending a request and receiving its answer, with bounded memory. Runs on the loop; disk in threads.

Files go from disk to the socket in pieces. An answer stays in memory up to `MOST_IN_MEMORY` bytes; a larger one is
written whole to a temporary file, and its beginning is kept.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

import aiohttp
from aiohttp.payload import Payload
from typing_extensions import override

from engine.settings import Settings
from gui.tryit.answer import Answer, Failure, Outcome
from gui.tryit.request import Source, type_of_file
from gui.tryit.trust import fingerprint
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter

    from engine.threads import Threads
    from gui.tryit.request import Request

MOST_IN_MEMORY = 32 * 2**20
PIECE = 2**18
CONNECT_SECONDS = 10.0
MOST_HEADER = 2**16


class FilePayload(Payload):
    """A file as a body or a part, read in a thread piece by piece while it is sent."""

    def __init__(self, path: Path, size: int, threads: Threads, content_type: str) -> None:
        super().__init__(path, content_type=content_type)
        self._path = path
        self._threads = threads
        self._size = self._length = size

    @override
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a file is sent in pieces, never held as text")

    @override
    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    @override
    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        left = self._length if content_length is None else min(self._length, content_length)
        file = await self._threads.run(self._path.open, "rb")
        try:
            while left:
                piece = await self._threads.run(file.read, min(PIECE, left))
                if not piece:
                    raise OSError(tr("{file} became shorter while it was sent").format(file=self._path))
                left -= len(piece)
                await writer.write(piece)
        finally:
            file.close()


class Sink:
    """Collects a body: in memory while it is small, then in a file too. `remove` what it made if nobody keeps it."""

    def __init__(self, threads: Threads, most: int = MOST_IN_MEMORY) -> None:
        self._threads = threads
        self._most = most
        self._file: IO[bytes] | None = None
        self.path: Path | None = None
        self.size = 0
        self.body = bytearray()

    async def add(self, piece: bytes) -> None:
        """Take the next piece; raises OSError when the disk is full."""
        self.size += len(piece)
        if self._file is None and self.size <= self._most:
            self.body += piece
            return
        if self._file is None:
            await self._threads.run(self._spill)
        await self._threads.run(self._write, piece)
        self.body += piece[: self._most - len(self.body)]

    def _spill(self) -> None:
        handle, name = tempfile.mkstemp(prefix="marina-answer-")
        self.path = Path(name)
        self._file = os.fdopen(handle, "wb")
        self._file.write(self.body)

    def _write(self, piece: bytes) -> None:
        if self._file is not None:
            self._file.write(piece)

    def close(self) -> None:
        """Close the file; it stays."""
        if self._file is not None:
            self._file.close()

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


async def send(
    request: Request,
    authorization: Mapping[str, str],
    threads: Threads,
    on_piece: Callable[[bytes], None],
    most: int = MOST_IN_MEMORY,
    settings: Settings | None = None,
) -> Outcome:
    """Send and receive; `on_piece` hears the pieces of an answer that the server streams.

    Over https nothing, and no token, is sent to a server whose certificate is not the one of `settings`.
    Returns a Failure for what went wrong on the way; cancelling leaves nothing behind.
    """
    began = time.perf_counter()
    sink = Sink(threads, most)
    try:
        body = await _body(request, threads)
        trusted = await threads.run(fingerprint, settings or Settings()) if is_encrypted(request.url) else True
        async with _session(trusted) as session:
            answer = await _exchange(session, request, authorization, body, sink, on_piece, began)
            await threads.run(sink.close)
            return answer
    except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
        sink.remove()
        return Failure(failure_words(error, request.url), time.perf_counter() - began)
    except BaseException:
        sink.remove()
        raise


def is_encrypted(url: str) -> bool:
    """Whether it goes over TLS."""
    return url.lower().startswith("https:")


def _session(trusted: aiohttp.Fingerprint | bool) -> aiohttp.ClientSession:  # noqa: FBT001 - as aiohttp has it
    """A session for one request. How long a model may take is the server's to say: it answers when that is over."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    connector = aiohttp.TCPConnector(ssl=trusted, force_close=True)
    return aiohttp.ClientSession(
        connector=connector, timeout=timeout, max_line_size=MOST_HEADER, max_field_size=MOST_HEADER
    )


async def _exchange(
    session: aiohttp.ClientSession,
    request: Request,
    authorization: Mapping[str, str],
    body: aiohttp.FormData | Payload | bytes,
    sink: Sink,
    on_piece: Callable[[bytes], None],
    began: float,
) -> Answer:
    headers = [*_missing(authorization, request), *request.headers]
    async with session.post(request.url, data=body, headers=headers, allow_redirects=False) as response:
        in_pieces = "Transfer-Encoding" in response.headers
        async for piece in response.content.iter_any():
            await sink.add(piece)
            if in_pieces:
                on_piece(piece)
        return Answer(
            response.status,
            response.reason or "",
            tuple(response.headers.items()),
            bytes(sink.body),
            sink.size,
            time.perf_counter() - began,
            sink.path,
        )


def _missing(authorization: Mapping[str, str], request: Request) -> list[tuple[str, str]]:
    """The headers that authorize, where none of the same name was typed."""
    typed = {name.lower() for name, _ in request.headers}
    return [(name, value) for name, value in authorization.items() if name.lower() not in typed]


async def _body(request: Request, threads: Threads) -> aiohttp.FormData | Payload | bytes:
    draft = request.draft
    if draft.source is Source.TEXT:
        return draft.text.encode()
    if draft.source is Source.FILE and draft.path is not None:
        return await _file(draft.path, threads, draft.type_sent)
    form = aiohttp.FormData(default_to_multipart=True)
    for part in draft.parts:
        if part.is_file and part.path is not None:
            payload = await _file(part.path, threads, type_of_file(part.path))
            form.add_field(part.name, payload, filename=part.path.name)
        else:
            form.add_field(part.name, part.text)
    return form


async def _file(path: Path, threads: Threads, content_type: str) -> FilePayload:
    """Look at a file before a connection is made; raises OSError naming it."""
    if await threads.run(path.is_dir):
        raise OSError(tr("{path} is a folder. Choose a file").format(path=path))
    status = await threads.run(path.stat)
    return FilePayload(path, status.st_size, threads, content_type)


def failure_words(error: BaseException, url: str) -> str:
    """What went wrong on the way to the server or back, and what helps."""
    for kinds, words in _ON_THE_WAY:
        if isinstance(error, kinds):
            return words().format(url=url, seconds=int(CONNECT_SECONDS), cause=getattr(error, "strerror", ""))
    if isinstance(error, OSError) and error.filename:
        return tr("{file} cannot be read: {cause}").format(file=error.filename, cause=error.strerror)
    return str(error) or type(error).__name__


# The first that fits: some are kinds of others.
_ON_THE_WAY: tuple[tuple[tuple[type[BaseException], ...], Callable[[], str]], ...] = (
    (
        (aiohttp.ServerTimeoutError, TimeoutError),
        lambda: tr("{url} did not take the connection within {seconds} s."),
    ),
    (
        (aiohttp.ServerFingerprintMismatch,),
        lambda: tr(
            "{url} shows another certificate than the settings name now, so nothing was sent. "
            "Restart the server if the file is newer."
        ),
    ),
    (
        (aiohttp.ClientConnectorError,),
        lambda: tr("Nothing answers at {url}: {cause}. Is the server running?"),
    ),
    (
        (aiohttp.ClientPayloadError,),
        lambda: tr("The answer broke off before its end. The worker may have died, or the server stopped."),
    ),
    (
        (aiohttp.ServerDisconnectedError, ConnectionError),
        lambda: tr("The server closed the connection without an answer. The body may be larger than it allows."),
    ),
)
