"""Who may call: the check of tokens before a request is routed, and their renewal. Runs on the loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from engine.api.answers import COMMON_HEADERS, error_response, new_request_id
from engine.settings import Settings
from engine.tokens import TokenKind, Tokens

REFUSED = "Token Authorization failed. Token either incorrect, expired, or not provided correctly"
NOT_RENEWED = "Token Authentication failed. Token either incorrect, expired, or not provided correctly"
log = logging.getLogger(__name__)

# Paths that need no token: the API's description, and on the inference API whether the server is well.
OPEN = ("/api-description",)
HEALTH = ("/ping", "/v2/health/live", "/v2/health/ready")

# So many wrong tokens within so many seconds are answered at once, each further one as many seconds late.
FREE_MISSES = 20
WITHIN = 60.0
DELAY = 0.5


class Guard:
    """Looks at each request of one listener before anybody else.

    A wrong token is answered late once there were many, a right one always at once: guessing is slow, and nobody can
    lock the owner out.
    """

    def __init__(
        self,
        kind: TokenKind,
        tokens: Tokens,
        save: Callable[[], Awaitable[None]],
        refused: int = 401,
        *,
        open_ping: bool = True,
    ) -> None:
        """On the management listener `/token` renews; `save` writes the key file then. `refused` is a status.

        With `open_ping` questions about the server's health need no token: load balancers have none.
        """
        self._kind = kind
        self._tokens = tokens
        self._save = save
        self._refused = refused
        self._misses = Misses()
        self._open_paths = (*OPEN, *(HEALTH if open_ping and kind is TokenKind.INFERENCE else ()))

    def allows(self, authorization: str) -> bool:
        """Whether a request with this header may pass, whatever it asks for."""
        return self._tokens.allows(self._kind, authorization)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """Return the answer to a request that goes no further, None for one that may pass."""
        authorization = request.headers.get("Authorization", "")
        if request.path == "/token" and self._kind is TokenKind.MANAGEMENT:
            if await _renew(request, self._tokens, authorization, self._save):
                return _renewed()
            text = NOT_RENEWED
        elif self._is_open(request) or self.allows(authorization):
            return None
        else:
            text = REFUSED
        log.warning("Refused %s at the %s API: no valid token", request.method, self._kind.value)
        await asyncio.sleep(self._misses.count(time.monotonic()))
        return _refusal(text, self._refused)

    def _is_open(self, request: web.BaseRequest) -> bool:
        return request.path in self._open_paths or (request.path == "/" and request.method == "OPTIONS")


def guard_status(settings: Settings) -> int:
    """Return the status of a refusal: TorchServe has 400 where HTTP has 401."""
    return 400 if settings.api_dialect == "torchserve-0.12" else 401


class Misses:
    """Counts wrong tokens within `WITHIN` seconds."""

    def __init__(self) -> None:
        """None yet."""
        self._times: deque[float] = deque(maxlen=FREE_MISSES)

    def count(self, now: float) -> float:
        """Note one at `now`, seconds on a steady clock; returns how long its answer is to wait, in seconds."""
        many = len(self._times) == FREE_MISSES and now - self._times[0] < WITHIN
        self._times.append(now)
        return DELAY if many else 0


async def _renew(
    request: web.BaseRequest, tokens: Tokens, authorization: str, save: Callable[[], Awaitable[None]]
) -> bool:
    """Renew the token that `type` names, if the caller may; the new one is in the key file alone (TorchServe)."""
    wanted = request.query.get("type", "")
    if not tokens.may_renew(authorization) or wanted not in set(TokenKind):
        return False
    tokens.renew(TokenKind(wanted))
    await save()
    return True


def _renewed() -> web.Response:
    headers = {**COMMON_HEADERS, "x-request-id": new_request_id(), "Content-Type": "application/json"}
    return web.Response(body=b"\n", headers=headers)


def _refusal(text: str, status: int) -> web.Response:
    response = error_response(status, "InvalidKeyException", text, new_request_id())
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
