"""Lines of the access log for gRPC calls, where there is an access log. On the loop."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import unquote

import grpc

from engine.metrics.access import AccessLog

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"

# What notes the end of the call that this task answers.
ANSWERED: ContextVar[Callable[[Context], None] | None] = ContextVar("ANSWERED", default=None)


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Says for each call what notes its end: only here is the name of its method known."""

    def __init__(self, access: AccessLog) -> None:
        """`access` takes the lines."""
        self._access = access

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]], details: grpc.HandlerCallDetails
    ) -> Handler:
        """Go on with the call."""
        ANSWERED.set(partial(_note, self._access, details.method, time.perf_counter()))
        return await continuation(details)


def access_interceptors(access: AccessLog | None) -> list[AccessInterceptor]:
    """Return the interceptor that an access log needs; none without one."""
    return [] if access is None else [AccessInterceptor(access)]


def _note(access: AccessLog, method: str, started: float, ctx: Context) -> None:
    """Take a call that has ended. TorchServe's line has the code's number, and no slash before the method."""
    kind, _, address = ctx.peer().partition(":")
    client = unquote(address) if kind.startswith("ip") else ctx.peer()
    access.add(client, f"gRPC {method.removeprefix('/')} HTTP/2.0", _code(ctx), started)


def _code(ctx: Context) -> int:
    """Return the number of the call's status; grpcio has none for a call that ended well, or that was cancelled."""
    code = ctx.code()
    if isinstance(code, grpc.StatusCode):
        return int(code.value[0])
    return int(code or (grpc.StatusCode.CANCELLED.value[0] if ctx.cancelled() else 0))
