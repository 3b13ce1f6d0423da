"""One request on its way to a handler and back. Plain values; used on the loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.deadlines import Deadline
from engine.errors import PredictionError, TimedOutError, UnavailableError
from engine.memory_account import Account
from engine.serving.job_limits import SHORT_NAME, joined, require_fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.metrics.traffic import Traffic
    from engine.workers.channel import Result

log = logging.getLogger(__name__)

# Bytes of one answer that may wait for a slow client; about ten times what a handler may send at once by default.
STREAM_LIMIT = 64 * 1024 * 1024
# What a piece that waits takes up besides its bytes.
PER_PIECE = 64
# Bytes of an answer that is passed on however much other answers hold.
SMALL_ANSWER = 64 * 1024
UNLIMITED = Account()
NO_MEMORY_FOR_ANSWERS = (
    "The answers that wait for their clients hold as much as they may (max_response_memory). Try again later."
)
# Seconds beyond the client timeout in which an answer is still waited for.
EXPIRY_GRACE = 0.25


class Input(NamedTuple):
    """One named part of a request; `content_type` is "" when the part declares none.

    `rest` is what follows `data` of a large part that came in pieces, which are never joined here: that is a copy.
    """

    name: str
    content_type: str
    data: bytes
    rest: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Return the part's length in bytes."""
        return len(self.data) + sum(map(len, self.rest)) if self.rest else len(self.data)


class Stream:
    """The later pieces of an answer that a handler sends in parts. Iterate once; a failure is raised in its place.

    `closed` says that nobody reads any more, so that whatever still comes is dropped. A handler cannot be held back, so
    a client that reads too slowly loses its answer once more than `limit` bytes wait for it, or all answers hold more
    than `account` allows.
    """

    def __init__(self, request_id: str, limit: int = STREAM_LIMIT, account: Account | None = None) -> None:
        """Start without a piece; `request_id` is for the log."""
        self.closed = False
        self._account = account or Account()
        self._request_id = request_id
        self._limit = limit
        self._held = 0
        self._pieces: deque[bytes | PredictionError | None] = deque()
        self._arrived = asyncio.Event()

    def put(self, piece: bytes | PredictionError | None) -> None:
        """Add a piece, the failure that ends the answer, or None for its regular end."""
        if self.closed:
            return
        if isinstance(piece, bytes):
            self._hold(len(piece) + PER_PIECE)
            if self._pieces and (self._held > self._limit or self._account.is_full):
                piece = self._give_up()
        self._pieces.append(piece)
        self._arrived.set()

    def close(self) -> None:
        """Let go of what waits, since nobody reads any more."""
        self.closed = True
        self._pieces.clear()
        self._hold(-self._held)

    def __del__(self) -> None:
        """Count no longer what a reader that has gone left behind."""
        self._hold(-self._held)

    def _hold(self, size: int) -> None:
        self._held += size
        self._account.bytes += size

    def _give_up(self) -> PredictionError:
        log.warning(
            "The streamed answer to request %s is ended: its client reads too slowly, and more than %d bytes wait.",
            self._request_id,
            self._limit,
        )
        self.close()
        return PredictionError("The client reads this answer more slowly than the handler sends it.", 503)

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
        if not self.closed:
            self._hold(-len(piece) - PER_PIECE)
        return piece


class Reply(NamedTuple):
    """A handler's answer. `status` is 0 when the handler set none; `stream` is what comes after `body`, or None."""

    status: int
    phrase: str
    headers: dict[str, str]
    body: bytes | memoryview
    stream: Stream | None


class Job:
    """A request that waits for a worker or for its answer.

    When it `arrived` and when it went to a worker are on the clock of `perf_counter`; `traffic` takes its latencies.
    `asked` is the model and the version that the request names; `expires` is when its own timeout is over, on the
    loop's clock, and negative for a job without one.
    """

    __slots__ = (
        "alone",
        "answers",
        "arrived",
        "asked",
        "expires",
        "future",
        "meta",
        "parts",
        "scheduled",
        "stream",
        "traffic",
    )

    def __init__(
        self, request_id: str, headers: dict[str, str], inputs: Sequence[Input], *, alone: bool = False
    ) -> None:
        """`headers` are what the handler sees; `inputs` in the order of the request; `alone`: shares no batch.

        Raises BadRequestError for names of inputs that are longer than a worker takes.
        """
        self.alone = alone
        self.arrived = self.scheduled = perf_counter()
        self.asked: tuple[str, str | None] = ("", None)
        self.answers = UNLIMITED
        self.expires = -1.0
        self.traffic: Traffic | None = None
        self.future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.parts = [piece for part in inputs for piece in (part.data, *part.rest)]
        self.stream: Stream | None = None
        self.meta: dict[str, Any] = {
            "id": request_id,
            "headers": headers,
            "inputs": [(part.name, part.content_type, part.size) for part in inputs],
        }
        if len(self.parts) != 1 or len(inputs[0].name) > SHORT_NAME:
            self.parts = joined(self.parts)
            require_fit(self.meta, inputs)

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer, or the rest of it, any more."""
        return self.future.done() if self.stream is None else self.stream.closed

    def answer(self, result: Result, body: memoryview, *, last: bool) -> None:
        """Take one piece of the answer; the first one resolves the future."""
        _, status, phrase, headers = result
        if self.stream is not None:
            self.stream.put(bytes(body))
        elif self.answers.is_full and len(body) > SMALL_ANSWER:
            self._refuse_answer()
        elif not self.future.done():
            self.stream = None if last else Stream(self.meta["id"], account=self.answers)
            self.future.set_result(Reply(status, phrase, headers, body, self.stream))
        if last:
            self._end()

    def _refuse_answer(self) -> None:
        if not self.future.done():
            self.future.set_exception(UnavailableError(NO_MEMORY_FOR_ANSWERS, NO_MEMORY_FOR_ANSWERS))

    def _end(self) -> None:
        """Count an answer that is complete (TorchServe: those that failed have no latency)."""
        if self.stream is not None:
            self.stream.put(None)
        if self.traffic is not None:
            self.traffic.latency += perf_counter() - self.arrived
            self.traffic.queue_latency += self.scheduled - self.arrived

    def expire_after(self, seconds: float) -> None:
        """Fail the job with TimedOutError when nothing of its answer is there by then; it still runs to its end.

        A client that waits that long exactly has hung up by itself; whoever still waits gets `EXPIRY_GRACE` on top, so
        that an answer which comes with the deadline counts.
        """
        self.expires = asyncio.get_running_loop().time() + seconds
        deadline = Deadline(seconds + EXPIRY_GRACE, partial(self._expire, seconds))
        self.future.add_done_callback(lambda _: deadline.cancel())

    def _expire(self, seconds: float) -> None:
        if not self.future.done():
            self.future.set_exception(TimedOutError(f"No answer within {seconds:g} s (clientTimeoutInMills)."))

    def unavailable(self, reason: str) -> UnavailableError:
        """Return the error for a job that no worker can take; `reason` says why and what helps."""
        return UnavailableError(_no_worker(*self.asked, describes=self.alone), reason)

    def fail(self, status: int, message: str) -> None:
        """Fail the job; a caller that has gone is not told."""
        error = PredictionError(message, status)
        if self.stream is not None:
            self.stream.put(error)
        elif not self.future.done():
            self.future.set_exception(error)

    def refuse(self, reason: str) -> None:
        """Fail a job that waits, since no worker can take it; `reason` as for `unavailable`."""
        if not self.future.done():
            self.future.set_exception(self.unavailable(reason))


def _no_worker(name: str, version: str | None, *, describes: bool) -> str:
    """Return TorchServe's text for both a missing worker and a full queue, its stray quote included."""
    if describes:
        return f'Model "{name}" has no worker to serve describe request. Please use scale workers API to add workers.'
    of_version = "" if version is None else f' Version {version}"'
    return (
        f'Model "{name}"{of_version} has no worker to serve inference request. Please use scale workers API to add '
        "workers. If this is a sequence inference, please check if it is closed, or expired; or exceeds "
        "maxSequenceJobQueueSize"
    )
