"""The engine's end of one worker's socket: frames out, frames in. Runs on the loop; hot.

A channel knows no jobs. Whoever sends a batch passes a `BatchListener`, which gets the batch's results, or its failure
when the handler failed, the worker died or did not answer in time.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, cast

import msgspec

from engine.deadlines import Deadline
from engine.memory_account import Account, counted_bytes
from engine.runtime.frames import PREFIX, FrameError, Kind, Prefix, decode_prefix, encode_head
from engine.workers.claims import Claims, claims
from engine.workers.shared_memory import make_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.workers.shared_memory import LentMemory

SCRATCH = 64 * 1024
JOIN_BELOW = 16 * 1024
# Milliseconds that the handler of a worker may need for a batch that is to have the next one ahead. A slower one gains
# nothing by it, and would run in vain for a caller who has gone meanwhile.
QUICK = 100
# TorchServe's words for every request that a dying worker takes along.
DIED = "Worker died."

# One answer of a batch: length in bytes, status (0: none set), reason phrase, response headers.
Result = tuple[Annotated[int, msgspec.Meta(ge=0)], int, str, dict[str, str]]


class BatchFailure(msgspec.Struct):
    """The meta of FAILED; `engine.runtime.frames` says what the fields of all these are."""

    batch: int
    code: int
    message: str


class LoadedAnswer(msgspec.Struct):
    """The meta of LOADED."""

    device: str
    ahead: bool = False
    shared_memory: bool = False


class LoadFailure(msgspec.Struct):
    """The meta of LOAD_FAILED."""

    code: int
    message: str
    traceback: str


class Emitted(msgspec.Struct):
    """One value that a handler emitted; `dimensions` are names and values of labels."""

    name: str
    value: float
    unit: str
    type: Literal["counter", "gauge", "histogram"]
    dimensions: tuple[tuple[str, str], ...]
    request_ids: tuple[str, ...]


class Answers(msgspec.Struct):
    """The meta of REPLY and PARTIAL."""

    batch: int
    results: list[Result]
    metrics: list[Emitted] = []
    took: float | None = None
    in_memory: int = 0


class Metrics(msgspec.Struct):
    """The meta of METRICS."""

    metrics: list[Emitted]


# Decoded against their types, so that nonsense is refused before a batch is touched.
encode_json = msgspec.json.Encoder().encode
decode_answers = msgspec.json.Decoder(Answers).decode
decode_batch_failure = msgspec.json.Decoder(BatchFailure).decode
decode_loaded = msgspec.json.Decoder(LoadedAnswer).decode
decode_load_failure = msgspec.json.Decoder(LoadFailure).decode
decode_metrics = msgspec.json.Decoder(Metrics).decode


class BatchListener(Protocol):
    """Whoever waits for a batch. `results` has one entry for each job, `body` all answers one after another."""

    def partial(self, results: list[Result], body: memoryview) -> bool:
        """A piece of each answer; more follow. Returns whether anybody still wants them."""

    def done(self, results: list[Result], body: memoryview) -> None:
        """The answers, or their last pieces."""

    def failed(self, status: int, message: str) -> None:
        """The whole batch failed."""


class SentBatch:
    """A batch that is with the worker, its requests as they were sent, and until when its next answer is due.

    No answer is due from one that was sent ahead, until it has begun.
    """

    __slots__ = ("deadline", "jobs", "listener")

    def __init__(self, listener: BatchListener, jobs: list[dict[str, Any]]) -> None:
        """The deadline is set when the batch has begun."""
        self.listener = listener
        self.jobs = jobs
        self.deadline = math.inf


class ChannelOwner(Protocol):
    """Whoever runs the worker behind a channel; called on the loop."""

    def loaded(self, device: str) -> None:
        """The handler is initialised."""

    def load_failed(self, code: int, message: str, traceback: str) -> None:
        """The handler could not be initialised."""

    def metrics(self, metrics: list[Emitted]) -> None:
        """The handler emitted metrics."""

    def took(self, milliseconds: float, request_ids: tuple[str, ...]) -> None:
        """The handler has answered a batch with these requests, within this time."""

    def broken(self, cause: str) -> None:
        """The worker sent what is no frame, or did not answer in time."""

    def disconnected(self) -> None:
        """The worker's end of the socket is closed."""


class Channel(asyncio.BufferedProtocol):
    """Frames over one socket. `idle` tells the dispatcher when a batch has ended.

    A worker that is busy may hold one more batch, sent ahead, which it begins by itself when the other has ended.
    """

    def __init__(
        self, owner: ChannelOwner, *, max_body: int, response_timeout: float, answers: Account | None = None
    ) -> None:
        """`max_body` bytes is the largest answer taken, `response_timeout` seconds the longest wait for one.

        `answers` counts what large answers hold.
        """
        self.owner = owner
        self.idle: Callable[[Channel], None] = _nobody
        self.requests = 0
        self._max_body = max_body
        self._answers = answers or Account()
        self._response_timeout = response_timeout
        self._batches: dict[int, SentBatch] = {}
        self._next_batch = 0
        self._ahead: SentBatch | None = None
        self._claims: Claims | None = None
        self._took = math.inf
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._scratch = memoryview(bytearray(SCRATCH))
        self._filled = 0
        self._large: memoryview | None = None
        self._memory: LentMemory | None = None
        self._watch: Deadline | None = None

    @property
    def busy(self) -> bool:
        """Whether a batch is with the worker."""
        return bool(self._batches)

    @property
    def batches(self) -> int:
        """How many batches are with the worker."""
        return len(self._batches)

    @property
    def in_flight(self) -> int:
        """How many requests are with the worker, those aside that were sent ahead."""
        return sum(len(batch.jobs) for batch in self._batches.values() if batch is not self._ahead)

    @property
    def has_room(self) -> bool:
        """Whether the worker is busy, was quick with its last batch, and takes one more ahead."""
        return self._claims is not None and self._ahead is None and self._took < QUICK and bool(self._batches)

    def load(self, meta: dict[str, Any]) -> None:
        """Send LOAD, with memory to share; `engine.runtime.frames` lists what `meta` holds."""
        self._claims, self._memory = claims(), make_memory(self._answers)
        lent = {
            "ahead": self._claims.places if self._claims is not None else None,
            "shared_memory": self._memory.path if self._memory is not None else None,
        }
        self._write(encode_head(Kind.LOAD, encode_json({**meta, **lent}), 0), (), 0)

    def set_threads(self, threads: int) -> None:
        """Have the numeric libraries of the worker use so many threads from its next batch on."""
        self._write(encode_head(Kind.THREADS, encode_json({"threads": threads}), 0), (), 0)

    def send(self, jobs: list[dict[str, Any]], bodies: Sequence[bytes], listener: BatchListener) -> None:
        """Send a batch; `bodies` are the inputs of all jobs in order.

        Raises ValueError or TypeError, and sends nothing, for jobs that a frame cannot hold.
        """
        batch = self._next_batch + 1
        meta = {"batch": batch, "jobs": jobs}
        size, memory = sum(map(len, bodies)), self._memory
        if memory is not None and memory.holder not in self._batches:
            meta["in_memory"] = laid = memory.lend(batch, bodies, size)
            if laid:
                bodies, size = (), 0
        head = encode_head(Kind.PREDICT, encode_json(meta), size)
        self._next_batch = batch
        self._batches[batch] = sent = SentBatch(listener, jobs)
        self.requests += len(jobs)
        self._write(head, bodies, size)
        self._expect_answer(sent)

    def send_ahead(self, jobs: list[dict[str, Any]], bodies: Sequence[bytes], listener: BatchListener) -> None:
        """Send a batch to a worker that `has_room`; it begins when the one before it has ended.

        Raises ValueError or TypeError, and sends nothing, for jobs that a frame cannot hold.
        """
        if self._claims is None:
            return
        batch = self._next_batch + 1
        encoded, size = encode_json(jobs), sum(map(len, bodies))
        meta = b'{"batch":%d,"ahead":%d,"jobs":%b}' % (batch, self._claims.offer(batch), encoded)
        self._next_batch = batch
        self._batches[batch] = self._ahead = SentBatch(listener, jobs)
        self._write(encode_head(Kind.PREDICT, meta, size), bodies, size)

    def take_back(self) -> bool:
        """Have the batch back that was sent ahead; False when there is none, or the worker has begun it by now."""
        sent = self._ahead
        if sent is None or self._claims is None:
            return False
        self._ahead = None
        if self._claims.take_back():
            del self._batches[self._next_batch]  # nothing is sent after it before it has begun
            return True
        self._begin(sent)
        return False

    def close(self) -> None:
        """Close the socket, upon which the worker leaves. What is still in flight fails when the worker is gone."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def abort(self, status: int, message: str) -> None:
        """Drop the socket at once and fail every batch in flight."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._let_go_of_memory()
        self._let_go_of_claims()
        self.idle = _nobody
        batches, self._batches = self._batches, {}
        for batch in batches.values():
            batch.listener.failed(status, message)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio's call)."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Tell the owner, unless the end was ours (asyncio's call)."""
        if not self._closed:
            self.owner.disconnected()
        self._let_go_of_memory()
        self._let_go_of_claims()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Return where the next bytes go (asyncio's call)."""
        return self._scratch[self._filled :] if self._large is None else self._large[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take `nbytes` new bytes into account (asyncio's call)."""
        self._filled += nbytes
        try:
            self._read_large() if self._large is not None else self._read_scratch()
        except (FrameError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.owner.broken(f"the worker sent what is no answer: {error}")

    def _read_large(self) -> None:
        frame = self._large
        if frame is None or self._filled < len(frame):
            return
        self._large, self._filled = None, 0
        prefix = decode_prefix(frame, self._max_body)
        self._take(prefix, frame)

    def _read_scratch(self) -> None:
        start = 0
        while self._filled - start >= PREFIX.size:
            prefix = decode_prefix(self._scratch[start:], self._max_body)
            size = PREFIX.size + prefix.meta_length + prefix.body_length
            if size > self._filled - start:
                if size > SCRATCH:
                    self._begin_large(size, start)
                    return
                break
            # The scratch is written again by the next read, so what a listener may keep is copied out.
            self._take(prefix, memoryview(bytes(self._scratch[start : start + size])))
            start += size
        self._shift(start)

    def _shift(self, start: int) -> None:
        if start == self._filled:
            self._filled = 0
        elif start:
            rest = bytes(self._scratch[start : self._filled])
            self._scratch[: len(rest)] = rest
            self._filled = len(rest)

    def _begin_large(self, size: int, start: int) -> None:
        frame = counted_bytes(size, self._answers)
        got = self._filled - start
        frame[:got] = self._scratch[start : self._filled]
        self._large, self._filled = frame, got

    def _take(self, prefix: Prefix, frame: memoryview) -> None:
        end_of_meta = PREFIX.size + prefix.meta_length
        meta, body = frame[PREFIX.size : end_of_meta], frame[end_of_meta:]
        if prefix.kind is Kind.REPLY:
            answers = decode_answers(meta)
            body = self._fetched(answers, body) if answers.in_memory else body
            sent = self._end_batch(answers.batch)
            if answers.metrics:
                self.owner.metrics(answers.metrics)
            if answers.took is not None:
                self._took = answers.took
                self.owner.took(answers.took, tuple([job["id"] for job in sent.jobs]))
            sent.listener.done(answers.results, body)
            self.idle(self)
        elif prefix.kind is Kind.PARTIAL:
            answers = decode_answers(meta)
            sent = self._sent(answers.batch)
            # An answer without end that nobody reads must not keep its worker for ever.
            if sent.listener.partial(answers.results, body):
                self._expect_answer(sent)
        elif prefix.kind is Kind.FAILED:
            failure = decode_batch_failure(meta)
            self._end_batch(failure.batch).listener.failed(failure.code, failure.message)
            self.idle(self)
        else:
            self._take_other(prefix.kind, meta)

    def _take_other(self, kind: Kind, meta: memoryview) -> None:
        if kind is Kind.METRICS:
            self.owner.metrics(decode_metrics(meta).metrics)
        elif kind is Kind.LOADED:
            loaded = decode_loaded(meta)
            if not loaded.ahead:
                self._let_go_of_claims()
            if not loaded.shared_memory:
                self._let_go_of_memory()
            self.owner.loaded(loaded.device)
        elif kind is Kind.LOAD_FAILED:
            failure = decode_load_failure(meta)
            self.owner.load_failed(failure.code, failure.message, failure.traceback)
        else:
            raise FrameError(f"a worker does not send {kind.name}")

    def _begin(self, sent: SentBatch) -> None:
        self.requests += len(sent.jobs)
        self._expect_answer(sent)

    def _fetched(self, answers: Answers, body: memoryview) -> memoryview:
        if self._memory is None or body:
            raise FrameError("answers in shared memory, though there is none or they are in their frame")
        return self._memory.fetch(answers.batch, answers.in_memory, self._max_body)

    def _let_go_of_memory(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _sent(self, batch: int) -> SentBatch:
        if batch not in self._batches or self._batches[batch] is self._ahead:
            raise FrameError(f"an answer to batch {batch}, which is not with the worker")
        return self._batches[batch]

    def _end_batch(self, batch: int) -> SentBatch:
        sent = self._sent(batch)
        del self._batches[batch]
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            self._begin(ahead)
        return sent

    def _let_go_of_claims(self) -> None:
        if self._claims is not None:
            self._claims.close()
            self._claims = None

    def _write(self, head: bytes, bodies: Sequence[bytes], size: int) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if len(head) + size <= JOIN_BELOW:
            transport.write(b"".join((head, *bodies)))
            return
        transport.write(head)
        for body in bodies:
            transport.write(body)

    def _expect_answer(self, sent: SentBatch) -> None:
        """Move the deadline; the one timer behind all looks again when it fires, so that a request costs no timer."""
        loop = asyncio.get_running_loop()
        sent.deadline = loop.time() + self._response_timeout
        if self._watch is None:
            self._watch = Deadline(self._response_timeout, self._look_at_deadlines)

    def _look_at_deadlines(self) -> None:
        self._watch = None
        if not self._batches:
            return
        left = min(sent.deadline for sent in self._batches.values()) - asyncio.get_running_loop().time()
        if left <= 0:
            self.owner.broken(f"no answer within {self._response_timeout:g} s (response_timeout)")
        else:
            self._watch = Deadline(left, self._look_at_deadlines)


def _nobody(_channel: Channel) -> None:
    """Stand in for a dispatcher while the channel has none."""
