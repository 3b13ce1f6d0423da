"""Streams of requests that belong to sequences, each answered by itself: StreamPredictions2. On the loop.

A message is a job of its sequence and goes to the queue as it comes; answers go out as they come, so those of different
sequences may overtake each other. What is wrong with one message is told in an answer, and the stream goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from engine.api.answers import new_request_id
from engine.engine import Engine
from engine.errors import BadRequestError, MarinaError, TimedOutError
from engine.rpc.calls import Call
from engine.rpc.failures import UNNAMED, EndedError, Teller
from engine.rpc.interface import INFERENCE, message
from engine.rpc.silence import SILENT_CALL
from engine.serving.jobs import STREAM_LIMIT, Reply
from engine.serving.sequences import SEQUENCE_END, SEQUENCE_ID, SEQUENCE_START
from engine.tasks import TaskGroup

Response = message(f"{INFERENCE}.PredictionResponse")
ErrorInfo = message("google.rpc.ErrorInfo")
SILENT = "The client sent nothing for too long (stalled_connection_timeout), and no answer was due."
NO_SEQUENCE = "Parameter sequenceId is required."
# How many requests of one stream wait for their answers, or for their client to take these: at most `MOST`, fewer when
# the answers are large, and `FIRST` as long as the size of none is known. Until then no further request is read.
MOST = 1000
FIRST = 32


class _Answers:
    """The answers of one stream on their way to its client, which takes one at a time."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Callable[[], Any] | Exception | None] = asyncio.Queue(1)
        self._waiting = 0
        self._largest = 0
        self._changed = asyncio.Event()

    async def room(self) -> None:
        """Wait until a further request may be taken, and count it."""
        while self._waiting >= self._most():
            self._changed.clear()
            await self._changed.wait()
        self._waiting += 1

    def _most(self) -> int:
        return max(1, min(MOST, STREAM_LIMIT // self._largest)) if self._largest else FIRST

    async def put(self, make: Callable[[], Any], size: int = 0) -> None:
        """Wait until the client takes an answer of `size` bytes, which `make` makes then."""
        self._largest = max(self._largest, size, 1)
        self._changed.set()
        await self._queue.put(make)

    async def end(self, error: Exception | None = None) -> None:
        """End the answers, with `error` if there is one."""
        await self._queue.put(error)

    def fail(self, error: Exception) -> None:
        """End the answers with `error` at once, instead of one that waits."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(error)

    def request_ended(self) -> None:
        """Count a request no longer."""
        self._waiting -= 1
        self._changed.set()

    async def next(self) -> Any:
        """Return the next answer, None at the end; raises the error that ended them."""
        made = await self._queue.get()
        if isinstance(made, Exception):
            raise made
        return None if made is None else made()


class Sequences:
    """Answers streams; with `recorded` as TorchServe 0.12 did."""

    def __init__(
        self, engine: Engine, ask: Callable[[Any, Call], Awaitable[Reply]], tell: Teller, *, recorded: bool
    ) -> None:
        """`ask` queues one request."""
        self._engine = engine
        self._ask = ask
        self._tell = tell
        self._recorded = recorded

    async def answer(self, requests: AsyncIterator[Any], call: Call) -> AsyncGenerator[Any, None]:
        """Yield the answers to the requests of a stream; ends when it has ended and each one is answered.

        Raises MarinaError for a request whose model is not there or takes no sequences.
        """
        answers = _Answers()
        waiting, reading = TaskGroup(), TaskGroup()
        silent = SILENT_CALL.get()
        if silent is not None:
            silent.wait(lambda: answers.fail(TimedOutError(SILENT)))
        try:
            reading.start(self._read(requests, call, answers, waiting), "reads a stream of requests")
            while (answer := await answers.next()) is not None:
                with self._engine.memory.answers.holding(len(answer.prediction)):
                    yield answer
        finally:
            if silent is not None:
                silent.end()
            await reading.aclose()
            await waiting.aclose()

    async def _read(self, requests: AsyncIterator[Any], call: Call, answers: _Answers, waiting: TaskGroup) -> None:
        """Queue each request as it comes, wait for the last one's answer, then end the answers."""
        try:
            async for request in requests:
                await answers.room()
                one = Call(new_request_id(), dict(call.headers))
                await self._require_sequences(request, one, answers)
                work = waiting.start(self._work(request, one, answers), "waits for an answer")
                work.add_done_callback(lambda _: answers.request_ended())
                if (silent := SILENT_CALL.get()) is not None:
                    silent.begin_job()
                    work.add_done_callback(silent.end_job)
                # Requests of a sequence are queued in their order: each before the next one is read.
                await asyncio.sleep(0)
            await waiting.join()
            await answers.end()
        except Exception as error:  # noqa: BLE001 - whoever wrapped `answer` tells it to the client
            await answers.end(error)

    async def _work(self, request: Any, call: Call, answers: _Answers) -> None:
        """Queue one request, and add each part of its answer, or what is wrong with it."""
        reply: Reply | None = None
        try:
            self._name_sequence(request, call.headers)
            reply = await self._ask(request, call)
            # Counted as an answer until the client takes it.
            await answers.put(partial(self._answer, reply.body, call), len(reply.body))
            if reply.stream is not None:
                async for piece in reply.stream:
                    await answers.put(partial(self._answer, piece, call), len(piece))
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            await answers.put(partial(self._failed, error, call))
        finally:
            if reply is not None and reply.stream is not None:
                reply.stream.close()

    async def _require_sequences(self, request: Any, call: Call, answers: _Answers) -> None:
        """Raise MarinaError unless the model is there and takes sequences, whatever is said of one."""
        try:
            if not request.model_name:
                raise BadRequestError("Parameter model_name is required.")
            [version] = self._engine.describe(request.model_name, request.model_version or None)
        except MarinaError as error:
            if not self._recorded:
                raise
            # TorchServe: an answer, and then the end.
            await answers.put(partial(self._failed, error, call))
            raise EndedError(UNNAMED) from error
        if not version.batching.sequences:
            if self._recorded:
                raise EndedError(UNNAMED)
            raise BadRequestError(f"Model {request.model_name} has no sequenceBatching in its model-config.yaml.")

    def _name_sequence(self, request: Any, headers: dict[str, str]) -> None:
        """Let the headers say which sequence the request belongs to, and whether it begins or ends one.

        A request without one may begin one; the answer names it. TorchServe means to allow that and never does, and
        takes every request for the end of its sequence.
        """
        wishes = {name: request.input.get(name, b"").lower() == b"true" for name in (SEQUENCE_START, SEQUENCE_END)}
        if request.sequence_id:
            headers[SEQUENCE_ID] = request.sequence_id
        elif self._recorded or not wishes[SEQUENCE_START]:
            raise BadRequestError(NO_SEQUENCE)
        if self._recorded or wishes[SEQUENCE_END]:
            headers[SEQUENCE_END] = "true"

    def _answer(self, body: bytes | memoryview, call: Call) -> Any:
        """Return one answer; TorchServe leaves the sequence out."""
        return Response(prediction=bytes(body), sequence_id=None if self._recorded else call.headers.get(SEQUENCE_ID))

    def _failed(self, error: Exception, call: Call) -> Any:
        """Return what is wrong with a request as an answer; TorchServe adds the exception's name."""
        failure = self._tell(error, call.request_id)
        text, _, name = failure.text.partition("\n") if self._recorded else (failure.text, "", "")
        answer = self._answer(b"", call)
        answer.status.code, answer.status.message = failure.code.value[0], text
        if name:
            answer.status.details.add().Pack(ErrorInfo(reason=name))
        return answer
