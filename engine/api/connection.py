"""One connection of a client, which starts in the express lane and leaves it for good at what that does not take.

On the loop; hot.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp.web_protocol import RequestHandler
from typing_extensions import override

from engine.api.express import END_OF_HEAD

if TYPE_CHECKING:
    from engine.api.connections import Connections
    from engine.api.express import ExpressLane
    from engine.api.request import Begun


class Connection(RequestHandler):
    """Requests of one client, one after the other: by `lane` while it recognises them, then by aiohttp.

    A request that goes over to aiohttp after all, because its answer is none that the lane writes, takes along what was
    `begun`; whoever serves it takes that by `take_begun`.
    """

    __slots__ = ("_begun", "_closing", "_held", "_lane", "_length", "_received", "_served")

    def __init__(self, manager: Connections, lane: ExpressLane, **options: Any) -> None:
        """`options` are aiohttp's."""
        super().__init__(manager, **options)
        self._lane: ExpressLane | None = lane
        self._received = b""
        self._begun: Begun | None = None
        self._held = 0
        self._length = 0
        self._served = 0
        self._closing = False

    @property
    def is_waiting(self) -> bool:
        """Whether it is the client's turn to begin a request."""
        return self._begun is None and self._current_request is None and not self._received

    def progress(self, transport: asyncio.Transport) -> tuple[int, int, int] | None:
        """Return how far the client has come, None while it is not its turn: its request is served, or it may rest."""
        unread = transport.get_write_buffer_size()
        request = self._current_request
        served = self._served + self._request_count
        if request is None:
            busy = self._begun is not None or (served and not self._received)
            return None if busy and not unread else (served, len(self._received), unread)
        if request.content.is_eof() and not unread:
            return None
        return served, request.content.total_bytes, unread

    def take_begun(self) -> Begun | None:
        """Return what the express lane began for the request that is served now."""
        begun, self._begun = self._begun, None
        return begun

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # aiohttp's timer knows nothing of the requests that it does not see; TCP finds out who has gone.
        self.keep_alive(val=True)

    @override
    def data_received(self, data: bytes) -> None:
        if self._lane is None:
            super().data_received(data)
            return
        self._received = self._received + data if self._received else data
        if self._begun is None:
            self._serve(self._lane)
        elif self.transport is not None:
            # Whoever sends further requests before the answer waits in the system's buffers, not in ours.
            self.transport.pause_reading()

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        if self._lane is not None:
            self._may_hold(self._lane, 0)
        if self._begun is not None:
            self._begun.abandon()
        super().connection_lost(exc)

    @override
    def close(self) -> None:
        if self._begun is None or self._lane is None:
            super().close()
        self._closing = True

    @override
    async def shutdown(self, timeout: float | None = 15.0) -> None:
        self._closing = True
        if self._begun is not None and self._lane is not None:
            await asyncio.wait([self._begun.future], timeout=timeout)
        await super().shutdown(timeout)

    def _serve(self, lane: ExpressLane) -> None:
        """Begin the request that has come, as soon as it is whole."""
        received = self._received
        head, separator, rest = received.partition(END_OF_HEAD)
        wanted = lane.recognised(head) if separator else None
        # A client that does not read its answers is aiohttp's to wait for.
        if wanted is None or self.writing_paused or not self._may_hold(lane, wanted.length):
            self._leave()
        elif len(rest) >= wanted.length and not self._closing:
            self._length = len(received) - len(rest) + wanted.length
            self._begun = begun = lane.ask(wanted, rest[: wanted.length])
            begun.future.add_done_callback(self._answer)

    def _answer(self, _future: asyncio.Future[Any]) -> None:
        lane, begun, transport = self._lane, self._begun, self.transport
        if lane is None or begun is None:
            return
        self._may_hold(lane, 0)
        answer = lane.written(begun)
        if transport is None or transport.is_closing():
            return
        if answer is None:
            self._leave()
            return
        self._begun = None
        transport.write(answer)
        self._served += 1
        self._received = self._received[self._length :]
        if self._closing:
            self.close()
        elif self._received:
            transport.resume_reading()
            self._serve(lane)

    def _leave(self) -> None:
        """Leave the rest to aiohttp, what has come of it included."""
        if self._lane is not None:
            self._may_hold(self._lane, 0)
        received, self._received, self._lane = self._received, b"", None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        super().data_received(received)

    def _may_hold(self, lane: ExpressLane, size: int) -> bool:
        """Note how many bytes this connection's request holds now; returns whether all together may."""
        lane.held.bytes += size - self._held
        self._held = size
        return not lane.held.is_full
