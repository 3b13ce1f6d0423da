"""The loop of a worker whose handler is a coroutine function: requests are handled side by side. On the main thread.

The event loop and the handler have the main thread; a thread of its own waits for frames and hands them over. Each
request has a context of its own, and fails alone (TorchServe fails every request of the worker).
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import inspect
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from .frames import Kind
from .loading import LoadedModel, load_model
from .worker import PendingMetrics, Predictor, follow_share, require_predict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ts.context import Context

    from .channel import Channel, Frame

# Seconds that requests have to end in once the engine has gone; a little less than the process has.
GRACE = 0.3

logger = logging.getLogger(__name__)


class Asynchronous:
    """One event loop, for the load and for every request."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        # A handler may make queues and locks while it initialises, before the loop runs.
        asyncio.set_event_loop(self._loop)

    def load(self, load: dict[str, Any]) -> LoadedModel:
        """Load as `load_model`, awaiting what initialises; raises TypeError for a handler that is not asynchronous."""
        model = load_model(load, self._settle)
        if not inspect.iscoroutinefunction(model.handle):
            raise TypeError(
                f"asyncCommunication needs a handler whose entry point is 'async def', without a service envelope; "
                f"that of {load['handler']} is not"
            )
        return model

    def serve(self, channel: Channel, model: LoadedModel, load: dict[str, Any], metrics: PendingMetrics) -> int:
        """Answer requests until the engine hangs up; returns the exit code."""
        self._loop.run_until_complete(self._serve(channel, lambda: AsyncPredictor(channel, model, load, metrics)))
        return 0

    def _settle(self, outcome: Any) -> Any:
        return self._loop.run_until_complete(outcome) if inspect.isawaitable(outcome) else outcome

    async def _serve(self, channel: Channel, predictor: Callable[[], AsyncPredictor]) -> None:
        hung_up: asyncio.Future[None] = self._loop.create_future()

        def take(frame: Frame) -> None:
            task = self._loop.create_task(predictor().answer_later(frame))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        threading.Thread(target=self._read, args=(channel, take, hung_up), name="frames", daemon=True).start()
        await hung_up
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)

    def _read(self, channel: Channel, take: Callable[[Frame], None], hung_up: asyncio.Future[None]) -> None:
        try:
            while (frame := channel.receive()) is not None:
                if frame.kind is Kind.THREADS:
                    self._loop.call_soon_threadsafe(follow_share, frame)
                else:
                    self._loop.call_soon_threadsafe(take, require_predict(frame))
        except Exception as error:  # noqa: BLE001 - whatever it is, the main thread has to end of it
            self._tell(hung_up.set_exception, error)
        else:
            self._tell(hung_up.set_result, None)

    def _tell(self, call: Callable[[Any], None], value: Any) -> None:
        # A loop that is closed needs no telling: the process leaves already.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, value)


class AsyncPredictor(Predictor):
    """Answers one request, with a context of its own."""

    def __init__(self, channel: Channel, model: LoadedModel, load: dict[str, Any], metrics: PendingMetrics) -> None:
        super().__init__(channel, model._replace(context=own_context(model.context)), load, metrics)

    async def answer_later(self, frame: Frame) -> None:
        """Run the request and send its REPLY or FAILED, as `answer`; a handler that cancels itself has failed."""
        try:
            rows = self._begin(frame)
            started = time.perf_counter()
            buffers = self._reply(await self._handle(rows, self._context), started)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - user code may raise anything
            buffers = self._failure(error)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._finish(buffers)


def own_context(context: Context) -> Context:
    """Return a deep copy (TorchServe); what cannot be copied, such as a lock that the handler keeps, is shared."""
    own = copy.copy(context)
    vars(own).update({name: _own_value(name, value) for name, value in vars(context).items()})
    return own


def _own_value(name: str, value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception as error:  # noqa: BLE001 - user's objects may refuse in any way
        logger.debug("context.%s is shared by all requests: %s", name, error)
        return value
