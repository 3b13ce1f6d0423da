"""The inference service: pings and predictions. On the loop.

Hot: every prediction over gRPC passes here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import Any

from engine.api.answers import encoded
from engine.api.inference import health
from engine.api.listener import NO_MEMORY
from engine.engine import Engine
from engine.errors import BadRequestError, UnavailableError
from engine.metrics.traffic import Refused
from engine.rpc import failures
from engine.rpc.calls import Call, Wrapper
from engine.rpc.interface import INFERENCE, message
from engine.rpc.sequences import Sequences
from engine.serving.jobs import Input, Reply

Response = message(f"{INFERENCE}.PredictionResponse")
Health = message(f"{INFERENCE}.TorchServeHealthResponse")


def functions(engine: Engine, answers: Inference) -> Mapping[str, Any]:
    """Return what answers each rpc of the service."""
    recorded = failures.is_recorded(engine.settings)
    tell, _ = failures.tellers(engine.settings)
    wrapper = Wrapper(tell, tells_more=not recorded)
    sequences = Sequences(engine, answers.ask, tell, recorded=recorded)
    return {
        "Ping": wrapper.one(answers.ping),
        "Predictions": wrapper.one(answers.predict),
        "StreamPredictions": wrapper.many(answers.stream),
        "StreamPredictions2": wrapper.many(sequences.answer),
    }


class Inference:
    """Answers calls."""

    def __init__(self, engine: Engine) -> None:
        """The façade does the work."""
        self._engine = engine
        self._requests = engine.memory.requests
        self._answers = engine.memory.answers

    async def ping(self, _request: Any, _call: Call) -> Any:
        """Tell whether every default version has its workers; the call itself succeeds either way (TorchServe)."""
        return Health(health=encoded(health(healthy=self._engine.is_healthy())).decode().removesuffix("\n"))

    async def predict(self, request: Any, call: Call) -> Any:
        """Answer with what the handler returns, of an answer in parts the first one; its headers are not told."""
        reply = await self.ask(request, call)
        if reply.stream is not None:
            reply.stream.close()
        call.hold(self._answers, len(reply.body))
        return Response(prediction=bytes(reply.body))

    async def stream(self, request: Any, call: Call) -> AsyncGenerator[Any, None]:
        """Answer with each part that the handler sends; with one where it returns the whole."""
        reply = await self.ask(request, call)
        try:
            yield Response(prediction=bytes(reply.body))
            if reply.stream is not None:
                async for piece in reply.stream:
                    with self._answers.holding(len(piece)):
                        yield Response(prediction=piece)
        finally:
            if reply.stream is not None:
                reply.stream.close()

    def ask(self, request: Any, call: Call) -> Awaitable[Reply]:
        """Queue a request at once and return what waits for its answer; raises as `Engine.predict`."""
        if not request.model_name:
            raise BadRequestError("Parameter model_name is required.")
        inputs = [Input(name, "", data) for name, data in request.input.items()]
        return self.queue(request, call, inputs)

    def queue(self, request: Any, call: Call, inputs: list[Input]) -> Awaitable[Reply]:
        """Queue inputs for the model of a request; raises UnavailableError while those that wait hold too much."""
        size = sum(one.size for one in inputs)
        if self._requests.bytes + size > self._requests.most:
            self._engine.metrics.refusals[Refused.MEMORY] += 1
            raise UnavailableError(NO_MEMORY)
        version = request.model_version or None
        future = self._engine.predict(request.model_name, version, call.request_id, call.headers, inputs)
        self._requests.bytes += size
        future.add_done_callback(lambda _: self._requests.release(size))
        return future
