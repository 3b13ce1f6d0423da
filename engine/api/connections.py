"""The connections of one listener: how many there may be, and which have stalled. On the loop.

aiohttp waits for ever for the rest of a request's head or body, and for a client that does not read its answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from typing_extensions import override

from engine.api.connection import Connection
from engine.api.express import ExpressLane
from engine.deadlines import Deadline
from engine.metrics.traffic import Refused

log = logging.getLogger(__name__)

# How often connections are looked at, in parts of the time that they may stall.
LOOKS = 4
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nConnection: close\r\n\r\n%s"
)
FULL_BODY = (
    b'{\n  "code": 503,\n  "type": "ServiceUnavailableException",\n'
    b'  "message": "Every connection of this address is busy (max_connections). Try again later."\n}\n'
)


class _Progress(NamedTuple):
    """Where a connection was when it was looked at, and when it was first seen there."""

    at: tuple[int, int, int]
    since: float


class Connections(web.Server):
    """At most `most` connections; one that stalls for `patience` seconds is closed.

    A connection that waits for its client's next request gives its place to a new one, the oldest first. It does so too
    when the new one has the descriptor `end` or a later one, which other listeners need.
    """

    def __init__(
        self,
        answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        lane: ExpressLane,
        *,
        most: int,
        end: int,
        patience: float,
        refusals: Counter[Refused],
        request_factory: Callable[..., web.BaseRequest],
        **options: Any,
    ) -> None:
        """`refusals` counts what is turned away or closed; `options` are those of each connection."""
        super().__init__(answer, request_factory=request_factory, handler_cancellation=True)
        self._lane = lane
        self._options = options
        self._most = most
        self._end = end
        self._patience = patience
        self._seen: dict[RequestHandler, _Progress] = {}
        self._timer: Deadline | None = None
        self._refusals = refusals

    @override
    def __call__(self) -> Connection:
        return Connection(self, self._lane, loop=asyncio.get_running_loop(), **self._options)

    @override
    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        # The system gives the lowest descriptor that is free.
        if len(self._connections) > self._most or transport.get_extra_info("socket").fileno() >= self._end:
            self._make_room(handler, transport)
        if self._timer is None:
            self._look_later()

    def stop(self) -> None:
        """Look at nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _make_room(self, newest: RequestHandler, transport: asyncio.Transport) -> None:
        for handler, _ in self._all():
            if handler is not newest and handler.is_waiting:
                handler.force_close()
                return
        self._refusals[Refused.CONNECTIONS] += 1
        log.warning("A connection was turned away: %d are busy (max_connections)", len(self._connections) - 1)
        transport.write(FULL % (len(FULL_BODY), FULL_BODY))
        newest.force_close()

    def _look_later(self) -> None:
        self._timer = Deadline(self._patience / LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._connections:
            self._look_later()  # first, so that an error below ends no later look
        now, seen, self._seen = asyncio.get_running_loop().time(), self._seen, {}
        for handler, transport in self._all():
            at = handler.progress(transport)
            if at is None:
                continue
            before = seen.get(handler)
            progress = before if before is not None and before.at == at else _Progress(at, now)
            if now - progress.since < self._patience:
                self._seen[handler] = progress
            else:
                self._refusals[Refused.STALLED] += 1
                log.warning("A connection was closed: it stood still for %g seconds", self._patience)
                transport.abort()

    def _all(self) -> list[tuple[Connection, asyncio.Transport]]:
        return [(one, transport) for one, transport in self._connections.items() if isinstance(one, Connection)]
