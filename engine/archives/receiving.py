"""An archive coming in over http or https, in as many answers as it takes: what was cut is taken up again. On the loop.

Only a strong validator lets the rest of a file follow its beginning; without one, and when the file changed or the
server knows no parts, it begins again. How far it is told to be never goes back.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import ClientConnectionError, ClientPayloadError, ClientResponse

from engine.archives.connecting import UnreachableError
from engine.archives.progress import CHUNK, Meter
from engine.archives.validators import validator_of
from engine.deadlines import time_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.archives.incoming import Incoming
    from engine.archives.progress import ProgressCallback
    from engine.archives.validators import Validator
    from engine.archives.ways import Way
    from engine.threads import Threads

log = logging.getLogger(__name__)

# Seconds before a broken download is taken up again; then it is given up.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
# So much more in one go, in bytes, and the pauses begin anew.
HEADWAY = 1024 * 1024
# Seconds for all of it, which ends a source that trickles.
TOTAL_SECONDS = 24 * 3600.0
_BUSY = {429, 500, 502, 503, 504}
_BREAKS = (ClientConnectionError, ClientPayloadError, UnreachableError)


class CutError(OSError):
    """The answer is not what was asked for, or ended too early; another request may give the rest."""


class Receiver:
    """Fills one `Incoming` from one way. `validator` is that of what came, None when the server gives none to use."""

    def __init__(self, way: Way, incoming: Incoming, threads: Threads, progress: ProgressCallback | None) -> None:
        self.validator: Validator | None = None
        self._way = way
        self._incoming = incoming
        self._threads = threads
        self._meter = Meter("downloading", 0, progress, None)
        self._total = 0
        self._begun = False

    async def receive(self, known: Validator | None = None) -> bool:
        """Fetch the archive; with `known` False is returned when it is still the one which has that validator.

        Raises ArchiveNotFoundError, and OSError or ClientError once it is given up.
        """
        headers = known.changed() if known else {}
        pauses = iter(PAUSES)
        async with time_limit(TOTAL_SECONDS):
            while True:
                before = self._meter.told
                try:
                    return await self._attempt(headers)
                except (*_BREAKS, CutError) as error:
                    if self._meter.told - before >= HEADWAY:
                        pauses = iter(PAUSES)
                    pause = next(pauses, None)
                    if pause is None or not self._begun:
                        raise
                    log.info("After %d bytes: %s. Going on in %.1f s.", self._incoming.size, error, pause)
                await asyncio.sleep(pause)
                done = self._incoming.size
                headers = self.validator.rest(done) if self.validator and done else {}

    async def _attempt(self, headers: dict[str, str]) -> bool:
        async with self._way.ask(headers) as response:
            if response.status == HTTPStatus.NOT_MODIFIED and not self._begun and headers:
                return False
            if response.status == HTTPStatus.OK:
                await self._begin(response)
            else:
                self._require_rest(response)
            await self._save(response)
        if self._total and self._incoming.size != self._total:
            raise CutError(f"{self._incoming.size} of {self._total} bytes came")
        self._meter.report()
        return True

    async def _begin(self, response: ClientResponse) -> None:
        self._begun = True
        self._total = response.content_length or 0
        self.validator = validator_of(response.headers)
        self._meter.begin(self._total)
        await self._whole(self._incoming.restart)
        await self._threads.run(self._incoming.require_room, self._total)

    def _require_rest(self, response: ClientResponse) -> None:
        """Raise CutError unless the answer goes on where the last one ended, OSError when no other will."""
        if response.status == HTTPStatus.PARTIAL_CONTENT and self.validator:
            if self.validator.continues(response.headers, self._incoming.size, self._total):
                return
        elif self._begun and response.status in _BUSY:
            raise CutError(f"the answer is {response.status} {response.reason}")
        elif response.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not self._begun:
            raise OSError(f"the answer is {response.status} {response.reason}")
        self.validator = None
        raise CutError("it has changed on the server")

    async def _save(self, response: ClientResponse) -> None:
        async for chunk in response.content.iter_chunked(CHUNK):
            await self._whole(partial(self._incoming.write, chunk))
            self._meter.add(len(chunk))

    async def _whole(self, work: Callable[[], None]) -> None:
        """Do `work` in a thread; a caller that is cancelled meanwhile leaves once it is done."""
        await self._threads.run_cancellable(lambda _report, _cancel: work(), None)
