"""Streams of requests that belong to sequences, each answered by itself: StreamPredictions2. On the loop.

A message is a job of its sequence and goes to the queue as it comes; answers go out as they come, so those of different
sequences may overtake each other. What is wrong with one message is told in an answer, and the stream goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from engine.api.answers import new_request_id
from engine.engine import Engine
from engine.errors import BadRequestError, MarinaError, TimedOutError
from engine.rpc.calls import Call
from engine.rpc.failures import UNNAMED, EndedError, Teller
from engine.rpc.interface import INFERENCE, message
from engine.rpc.silence import SILENT_CALL
from engine.serving.jobs import Reply
from engine.serving.sequences import SEQUENCE_END, SEQUENCE_ID, SEQUENCE_START
from engine.tasks import TaskGroup

Response = message(f"{INFERENCE}.PredictionResponse")
ErrorInfo = message("google.rpc.ErrorInfo")
SILENT = "The client sent nothing for too long (stalled_connection_timeout), and no answer was due."
NO_SEQUENCE = "Parameter sequenceId is required."
# How many requests of one stream wait for their answers at most; its client is not read any further until then.
MOST = 1000


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
        answers: asyncio.Queue[Any] = asyncio.Queue()
        waiting, reading = TaskGroup(), TaskGroup()
        silent = SILENT_CALL.get()
        if silent is not None:
            silent.wait(lambda: answers.put_nowait(TimedOutError(SILENT)))
        try:
            reading.start(self._read(requests, call, answers, waiting), "reads a stream of requests")
            while (answer := await answers.get()) is not None:
                if isinstance(answer, Exception):
                    raise answer
                yield answer
        finally:
            if silent is not None:
                silent.end()
            await reading.aclose()
            await waiting.aclose()

    async def _read(
        self, requests: AsyncIterator[Any], call: Call, answers: asyncio.Queue[Any], waiting: TaskGroup
    ) -> None:
        """Queue each request as it comes, wait for the last one's answer, then end the answers."""
        room = asyncio.Semaphore(MOST)
        try:
            async for request in requests:
                await room.acquire()
                one = Call(new_request_id(), dict(call.headers))
                self._require_sequences(request, one, answers)
                work = waiting.start(self._work(request, one, answers), "waits for an answer")
                work.add_done_callback(lambda _: room.release())
                if (silent := SILENT_CALL.get()) is not None:
                    silent.begin_job()
                    work.add_done_callback(silent.end_job)
                # Requests of a sequence are queued in their order: each before the next one is read.
                await asyncio.sleep(0)
            await waiting.join()
            answers.put_nowait(None)
        except Exception as error:  # noqa: BLE001 - whoever wrapped `answer` tells it to the client
            answers.put_nowait(error)

    async def _work(self, request: Any, call: Call, answers: asyncio.Queue[Any]) -> None:
        """Queue one request, and add each part of its answer, or what is wrong with it."""
        try:
            self._name_sequence(request, call.headers)
            reply = await self._ask(request, call)
            answers.put_nowait(self._answer(bytes(reply.body), call))
            if reply.stream is not None:
                async for piece in reply.stream:
                    answers.put_nowait(self._answer(piece, call))
        except Exception as error:  # noqa: BLE001 - every request gets an answer
            answers.put_nowait(self._failed(error, call))

    def _require_sequences(self, request: Any, call: Call, answers: asyncio.Queue[Any]) -> None:
        """Raise MarinaError unless the model is there and takes sequences, whatever is said of one."""
        try:
            if not request.model_name:
                raise BadRequestError("Parameter model_name is required.")
            [version] = self._engine.describe(request.model_name, request.model_version or None)
        except MarinaError as error:
            if not self._recorded:
                raise
            # TorchServe: an answer, and then the end.
            answers.put_nowait(self._failed(error, call))
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

    def _answer(self, body: bytes, call: Call) -> Any:
        """Return one answer; TorchServe leaves the sequence out."""
        return Response(prediction=body, sequence_id=None if self._recorded else call.headers.get(SEQUENCE_ID))

    def _failed(self, error: Exception, call: Call) -> Any:
        """Return what is wrong with a request as an answer; TorchServe adds the exception's name."""
        failure = self._tell(error, call.request_id)
        text, _, name = failure.text.partition("\n") if self._recorded else (failure.text, "", "")
        answer = self._answer(b"", call)
        answer.status.code, answer.status.message = failure.code.value[0], text
        if name:
            answer.status.details.add().Pack(ErrorInfo(reason=name))
        return answer
