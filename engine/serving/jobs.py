"""One request on its way to a handler and back. Plain values; used on the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import PredictionError, TimedOutError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.workers.channel import Result


class Input(NamedTuple):
    """One named part of a request; `content_type` is "" when the part declares none."""

    name: str
    content_type: str
    data: bytes


class Stream:
    """The later pieces of an answer that a handler sends in parts. Iterate once; a failure is raised in its place."""

    def __init__(self) -> None:
        """Start without a piece."""
        self._pieces: deque[bytes | PredictionError | None] = deque()
        self._arrived = asyncio.Event()

    def put(self, piece: bytes | PredictionError | None) -> None:
        """Add a piece, the failure that ends the answer, or None for its regular end."""
        self._pieces.append(piece)
        self._arrived.set()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            self._arrived.clear()
            await self._arrived.wait()
        piece = self._pieces.popleft()
        if piece is None:
            raise StopAsyncIteration
        if isinstance(piece, PredictionError):
            raise piece
        return piece


class Reply(NamedTuple):
    """A handler's answer. `status` is 0 when the handler set none; `stream` is what comes after `body`, or None."""

    status: int
    phrase: str
    headers: dict[str, str]
    body: bytes | memoryview
    stream: Stream | None


class Job:
    """A request that waits for a worker or for its answer."""

    __slots__ = ("alone", "future", "meta", "parts", "stream")

    def __init__(
        self, request_id: str, headers: dict[str, str], inputs: Sequence[Input], *, alone: bool = False
    ) -> None:
        """`headers` are what the handler sees; `inputs` in the order of the request; `alone`: shares no batch."""
        self.alone = alone
        self.future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.parts = [part.data for part in inputs]
        self.stream: Stream | None = None
        self.meta: dict[str, Any] = {
            "id": request_id,
            "headers": headers,
            "inputs": [(part.name, part.content_type, len(part.data)) for part in inputs],
        }

    def answer(self, result: Result, body: memoryview, *, last: bool) -> None:
        """Take one piece of the answer; the first one resolves the future."""
        _, status, phrase, headers = result
        if self.stream is not None:
            self.stream.put(bytes(body))
        elif not self.future.done():
            self.stream = None if last else Stream()
            self.future.set_result(Reply(status, phrase, headers, body, self.stream))
        if last and self.stream is not None:
            self.stream.put(None)

    def expire_after(self, seconds: float) -> None:
        """Fail the job with TimedOutError when nothing of its answer is there by then; it still runs to its end."""
        timer = asyncio.get_running_loop().call_later(seconds, self._expire, seconds)
        self.future.add_done_callback(lambda _: timer.cancel())

    def _expire(self, seconds: float) -> None:
        if not self.future.done():
            self.future.set_exception(TimedOutError(f"No answer within {seconds:g} s (clientTimeoutInMills)."))

    def fail(self, status: int, message: str) -> None:
        """Fail the job; a caller that has gone is not told."""
        error = PredictionError(message, status)
        if self.stream is not None:
            self.stream.put(error)
        elif not self.future.done():
            self.future.set_exception(error)
