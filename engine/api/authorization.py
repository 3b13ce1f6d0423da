"""Who may call: the check of tokens before a request is routed, and their renewal. Runs on the loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from engine.api.answers import COMMON_HEADERS, error_response, new_request_id
from engine.tokens import TokenKind, Tokens

# A guard returns the answer to a request that goes no further, None for one that may pass.
Guard = Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]

REFUSED = "Token Authorization failed. Token either incorrect, expired, or not provided correctly"
NOT_RENEWED = "Token Authentication failed. Token either incorrect, expired, or not provided correctly"


def guard(kind: TokenKind, tokens: Tokens, save: Callable[[], Awaitable[None]]) -> Guard:
    """Return the guard of one listener. On the management one `/token` renews; `save` writes the key file then."""

    async def check(request: web.BaseRequest) -> web.StreamResponse | None:
        authorization = request.headers.get("Authorization", "")
        if request.path == "/token" and kind is TokenKind.MANAGEMENT:
            return await _renew(request, tokens, authorization, save)
        if _is_open(request) or tokens.allows(kind, authorization):
            return None
        return _refusal(REFUSED)

    return check


def _is_open(request: web.BaseRequest) -> bool:
    return request.path == "/api-description" or (request.path == "/" and request.method == "OPTIONS")


async def _renew(
    request: web.BaseRequest, tokens: Tokens, authorization: str, save: Callable[[], Awaitable[None]]
) -> web.StreamResponse:
    """Renew the token that `type` names; the new one is in the key file alone (TorchServe)."""
    wanted = request.query.get("type", "")
    if not tokens.may_renew(authorization) or wanted not in set(TokenKind):
        return _refusal(NOT_RENEWED)
    tokens.renew(TokenKind(wanted))
    await save()
    headers = {**COMMON_HEADERS, "x-request-id": new_request_id(), "Content-Type": "application/json"}
    return web.Response(body=b"\n", headers=headers)


def _refusal(text: str) -> web.Response:
    # TorchServe: 400, not 401 or 403.
    return error_response(400, "InvalidKeyException", text, new_request_id())
