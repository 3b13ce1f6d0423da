"""One connection of a client, which starts in the express lane and leaves it for good at what that does not take.

On the loop; hot.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo
from typing_extensions import override

from engine.api.bodies import add_piece
from engine.api.express import END_OF_HEAD, NOTHING, without_body
from engine.api.inference import LARGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import StreamReader, web

    from engine.api.connections import Connections
    from engine.api.express import ExpressLane, Wanted
    from engine.api.request import Begun

# Where the status stands in an answer of HTTP/1.1.
STATUS = slice(9, 12)
# How many parts, each ending with the end of a head, are given to aiohttp's parser one by one.
PARTS = 32


class Connection(RequestHandler):
    """Requests of one client, one after the other: by `lane` while it recognises them, then by aiohttp.

    A request's head comes, then its body, in pieces when it is large; then the request is begun, and over when its
    answer is written. One that goes over to aiohttp after all, because its answer is none that the lane writes, takes
    along what was `begun`; whoever serves it takes that by `take_begun`.
    """

    __slots__ = (
        "_begun",
        "_body",
        "_closing",
        "_head",
        "_held",
        "_lane",
        "_missing",
        "_pieces",
        "_received",
        "_served",
        "_unreadable",
        "_unsent",
        "_wanted",
    )

    def __init__(
        self,
        manager: Connections,
        lane: ExpressLane,
        unreadable: Callable[[HttpProcessingError], web.StreamResponse],
        **options: Any,
    ) -> None:
        """`unreadable` returns the answer to bytes that are no HTTP request; `options` are aiohttp's."""
        super().__init__(manager, **options)
        self._unreadable = unreadable
        # The body of the newest request that aiohttp's parser has found.
        self._body: StreamReader | None = None
        self._lane: ExpressLane | None = lane
        # What has come and is not looked at yet.
        self._received = b""
        # The request whose body comes, and its pieces; the bytes still missing.
        self._wanted: Wanted | None = None
        self._pieces: list[bytes] = []
        self._missing = 0
        # The request that is begun: its head, and the rest of its answer.
        self._begun: Begun | None = None
        self._head = b""
        self._unsent = NOTHING
        self._held = 0
        self._served = 0
        self._closing = False

    @property
    def is_waiting(self) -> bool:
        """Whether it is the client's turn to begin a request."""
        return self._begun is None and self._current_request is None and not self._come

    @property
    def _come(self) -> int:
        """The bytes that have come of a request that is not begun."""
        return len(self._received) if self._wanted is None else len(self._head) + self._wanted.length - self._missing

    def progress(self, transport: asyncio.Transport) -> tuple[int, int, int] | None:
        """Return how far the client has come, None while it is not its turn: its request is served, or it may rest."""
        unread = transport.get_write_buffer_size() + len(self._unsent)
        request = self._current_request
        served = self._served + self._request_count
        if request is None:
            busy = self._begun is not None or (served and not self._come)
            return None if busy and not unread else (served, self._come, unread)
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
        lane = self._lane
        if lane is None:
            self._parse(data)
        elif self._begun is not None:
            self._received += data
            if self.transport is not None:
                # Whoever sends further requests before the answer waits in the system's buffers, not in ours.
                self.transport.pause_reading()
        elif self._closing:
            return
        elif self._wanted is not None:
            self._take(lane, self._wanted, data)
        else:
            self._received += data
            self._serve(lane)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        if self._lane is not None:
            self._let_go(self._lane)
        if self._begun is not None:
            self._begun.abandon()
        self._pieces, self._unsent = [], NOTHING
        super().connection_lost(exc)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unsent and self._lane is not None:
            self._send(self._lane)

    @override
    def close(self) -> None:
        if self._begun is None or self._lane is None:
            super().close()
        self._closing = True

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, HttpProcessingError):
            return self._unreadable(exc)
        return super().handle_error(request, status, exc, message)

    @override
    def log_exception(self, *args: Any, **kw: Any) -> None:
        # A body that breaks off is the client's mistake, also where the answer did not need the body.
        if not isinstance(kw.get("exc_info"), RequestPayloadError):
            super().log_exception(*args, **kw)

    @override
    async def shutdown(self, timeout: float | None = 15.0) -> None:
        self._closing = True
        if self._begun is not None and self._lane is not None:
            await asyncio.wait([self._begun.future], timeout=timeout)
        if self._unsent and self.transport is not None:
            # The transport sends what it has when it is closed.
            self.transport.write(self._unsent)
            self._unsent = NOTHING
        await super().shutdown(timeout)

    def _serve(self, lane: ExpressLane) -> None:
        """Look at what has come, which begins with a head."""
        head, separator, rest = self._received.partition(END_OF_HEAD)
        wanted = lane.recognised(head) if separator else None
        # A client that does not read its answers is aiohttp's to wait for.
        if wanted is None or self.writing_paused or not self._may_hold(lane, wanted.length):
            self._leave()
            return
        self._head = head
        missing = wanted.length - len(rest)
        if missing <= 0:
            self._begin(lane, wanted, [rest[: wanted.length]], rest[wanted.length :])
        else:
            self._wanted, self._pieces, self._missing = wanted, [rest], missing

    def _take(self, lane: ExpressLane, wanted: Wanted, data: bytes) -> None:
        """Take what has come of a body."""
        missing = self._missing
        add_piece(self._pieces, data[:missing])
        self._missing -= len(data)
        if self._missing <= 0:
            body, self._pieces, self._wanted = self._pieces, [], None
            self._begin(lane, wanted, body, data[missing:])

    def _begin(self, lane: ExpressLane, wanted: Wanted, body: list[bytes], others: bytes) -> None:
        """Begin the request that has come; `others` follow it."""
        self._received = others
        self._begun = begun = lane.ask(wanted, body)
        begun.future.add_done_callback(self._answer)

    def _answer(self, _future: asyncio.Future[Any]) -> None:
        lane, begun, transport = self._lane, self._begun, self.transport
        if lane is None or begun is None:
            return
        self._let_go(lane)
        answer = lane.written(begun)
        if transport is None or transport.is_closing():
            return
        if answer is None:
            self._leave()
            return
        start, self._unsent = answer
        transport.write(start)
        if lane.access is not None:
            lane.access.add(transport.get_extra_info("peername"), self._head, start[STATUS], begun.started)
        self._send(lane)

    def _send(self, lane: ExpressLane) -> None:
        """Write as much of the answer as the client takes; go on when that is all."""
        transport = self.transport
        while self._unsent:
            if transport is None or transport.is_closing() or self.writing_paused:
                return
            piece, self._unsent = self._unsent[:LARGE], self._unsent[LARGE:]
            transport.write(piece)
        # Even an empty rest of an answer would keep it in memory.
        self._begun, self._unsent = None, NOTHING
        self._served += 1
        if self._closing:
            self.close()
        elif self._received and transport is not None:
            transport.resume_reading()
            self._serve(lane)

    def _leave(self) -> None:
        """Leave the rest to aiohttp, the request that is begun included, whose body has gone its way."""
        if self._lane is not None:
            self._let_go(self._lane)
        begun = without_body(self._head) + END_OF_HEAD if self._begun is not None else b""
        received, self._received, self._lane = begun + self._received, b"", None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
        self._parse(received)

    def _parse(self, data: bytes) -> None:
        """Give `data` to aiohttp's parser, head by head: where it fails, it forgets the requests of the same call."""
        start = 0
        for _ in range(PARTS):
            found = data.find(END_OF_HEAD, start)
            if found < 0:
                break
            end = found + len(END_OF_HEAD)
            self._feed(data[start:end])
            start = end
        if start < len(data) or not data:
            self._feed(data[start:])

    def _feed(self, data: bytes) -> None:
        """Give `data` to aiohttp's parser; a body within which that fails ends with an error, not never."""
        super().data_received(data)
        if not self._messages:
            return
        message, body = self._messages[-1]
        if not isinstance(message, _ErrInfo):
            self._body = body
        elif self._body is not None and not self._body.is_eof():
            self._body.set_exception(RequestPayloadError(message.message))

    def _may_hold(self, lane: ExpressLane, size: int) -> bool:
        """Note how many bytes the request holds that comes now; returns whether all together may."""
        lane.held.bytes += size
        self._held = size
        return not lane.held.is_full

    def _let_go(self, lane: ExpressLane) -> None:
        """Note that this connection's request holds nothing any more."""
        lane.held.bytes -= self._held
        self._held = 0
