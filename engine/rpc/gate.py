"""Who may call over gRPC: asked for each call before anything of it is read. On the loop.

grpcio does not tell its servers a call's `:authority`, so no name can be checked here as `Host` is on REST. A browser
cannot call without TLS at all, and with TLS the certificate ties the name down; and each of its calls is a POST that
says where its page comes from, which is checked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from multidict import CIMultiDict

from engine.api.authorization import REFUSED, Misses
from engine.api.callers import Callers
from engine.tokens import TokenKind, Tokens

log = logging.getLogger(__name__)

# Methods that ask whether the server is well, as load balancers do. Health/Watch is a stream, and needs a token.
HEALTH_METHODS = frozenset(
    (
        "/grpc.health.v1.Health/Check",
        "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Ping",
        *(
            f"/{service}/{method}"
            for service in (
                "org.pytorch.serve.grpc.openinference.GRPCInferenceService",
                "inference.GRPCInferenceService",
            )
            for method in ("ServerLive", "ServerReady")
        ),
    )
)

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class Gate(grpc.aio.ServerInterceptor):
    """Lets calls through that no page makes and that bring the token, when there are tokens."""

    def __init__(
        self,
        callers: Callers,
        kind: TokenKind,
        tokens: Tokens | None,
        refused: grpc.StatusCode,
        *,
        open_ping: bool = True,
    ) -> None:
        """`refused` is the status of a call without the token of this kind.

        With `open_ping` questions about the server's health need no token.
        """
        self._callers = callers
        self._kind = kind
        self._tokens = tokens
        self._refused = refused
        self._misses = Misses()
        self._open_methods = HEALTH_METHODS if open_ping else frozenset()

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]], details: grpc.HandlerCallDetails
    ) -> Handler:
        """Return what answers the call, a refusal if need be."""
        metadata = CIMultiDict((name, value) for name, value in details.invocation_metadata if isinstance(value, str))
        if reason := self._callers.page_refusal(metadata):
            log.warning("Refused %s at the gRPC %s API: %s", details.method, self._kind.value, reason)
            return refusal(grpc.StatusCode.PERMISSION_DENIED, reason, 0)
        is_open = self._tokens is None or details.method in self._open_methods
        if is_open or self._allows(metadata.get("authorization", "")):
            return await continuation(details)
        log.warning("Refused %s at the gRPC %s API: no valid token", details.method, self._kind.value)
        return refusal(self._refused, REFUSED, self._misses.count(time.monotonic()))

    def _allows(self, authorization: str) -> bool:
        return self._tokens is not None and self._tokens.allows(self._kind, authorization)


def refusal(code: grpc.StatusCode, text: str, delay: float) -> Handler:
    """Return what ends any kind of call, without reading of it, after `delay` seconds."""

    async def refuse(_requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        await asyncio.sleep(delay)
        await context.abort(code, text)

    handler: Handler = grpc.stream_stream_rpc_method_handler(refuse)
    return handler
