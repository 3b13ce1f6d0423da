"""How many gRPC calls may be open, and how long their clients may be silent. On the loop.

grpcio waits for ever for a call's first message and cannot be made to stop, so a call that has waited too long for it
counts no longer. A stream that brings no further message is ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeAlias, cast

import grpc

from engine.deadlines import Deadline
from engine.metrics.traffic import Refused
from engine.rpc.gate import refusal

log = logging.getLogger(__name__)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
# How often silent calls are looked at, in parts of the time that they may be silent.
LOOKS = 4
FULL = "This address answers as many calls as it may (max_connections). Try again later."
# A client of health checks waits for a change, which may never come.
WATCH = "/grpc.health.v1.Health/Watch"


class SilentCall:
    """A call whose client is to send something; `since` is when, in the loop's time."""

    __slots__ = ("_among", "_end", "_task", "jobs", "since")

    def __init__(self, among: set[SilentCall], task: asyncio.Task[Any]) -> None:
        """`task` answers the call; `among` are the silent calls of its server."""
        self._among = among
        self._task = task
        self._end: Callable[[], object] | None = None
        # The requests of a stream whose answers are not complete: while there are any, the client may be silent.
        self.jobs = 0
        self.since = asyncio.get_running_loop().time()
        among.add(self)

    def wait(self, end: Callable[[], object]) -> None:
        """Wait for the client's next message from now on; `end` ends the call when none comes."""
        self._end = end
        self.since = asyncio.get_running_loop().time()
        self._among.add(self)

    def end(self) -> None:
        """Wait for no message any more."""
        self._among.discard(self)

    def begin_job(self) -> None:
        """Note that a message has come whose answer is due."""
        self.jobs += 1

    def end_job(self, _task: object = None) -> None:
        """Note that an answer is complete."""
        self.jobs -= 1
        self.since = asyncio.get_running_loop().time()

    def is_over(self) -> bool:
        """Whether the call has ended."""
        return self._task.done()

    def give_up(self) -> asyncio.Task[Any] | None:
        """End the call; returns the task that answers it when that cannot be ended."""
        self.end()
        if self._end is None:
            return self._task
        self._end()
        return None


# The call that this task answers.
SILENT_CALL: ContextVar[SilentCall | None] = ContextVar("SILENT_CALL", default=None)


class SilentCalls(grpc.aio.ServerInterceptor):
    """Takes `most` open calls, without those whose client has been silent for `patience` seconds."""

    def __init__(self, most: int, patience: float, refusals: Counter[Refused]) -> None:
        """`refusals` counts what is refused or given up."""
        self._most = most
        self._open = 0
        self._given_up: set[asyncio.Task[Any]] = set()
        self._patience = patience
        self._refusals = refusals
        self._calls: set[SilentCall] = set()
        self._timer: Deadline | None = None

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]], details: grpc.HandlerCallDetails
    ) -> Handler:
        """Note the call until its message is read, see `engine.rpc.calls`; refuse it when there are too many."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._open += 1
        task.add_done_callback(self._close)
        if self._open - len(self._given_up) > self._most:
            self._refusals[Refused.CONNECTIONS] += 1
            return refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, FULL, 0)
        if details.method != WATCH:
            SILENT_CALL.set(SilentCall(self._calls, task))
            if self._timer is None:
                self._timer = Deadline(self._patience / LOOKS, self._look)
        return await continuation(details)

    def stop(self) -> None:
        """Look at nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self, task: asyncio.Task[Any]) -> None:
        self._open -= 1
        self._given_up.discard(task)

    def _look(self) -> None:
        latest = asyncio.get_running_loop().time() - self._patience
        for call in list(self._calls):
            if call.is_over():
                call.end()
            elif not call.jobs and call.since <= latest:
                if (task := call.give_up()) is not None:
                    self._given_up.add(task)
                self._refusals[Refused.STALLED] += 1
                log.warning("A gRPC call was given up: its client was silent for %g seconds", self._patience)
        self._timer = Deadline(self._patience / LOOKS, self._look) if self._calls else None
