"""The three tokens of a running Marina: management, inference, and the key that renews the other two.

`TokenInfo` is what the window may show of one. `Tokens` is pure but for its randomness. `KeyFile` writes them down in a
thread of its own. Both are used on the loop.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from engine.settings import Settings
from engine.threads import Threads

FILE_NAME = "key_file.json"
# TorchServe's tokens have 6 random bytes; a guess must be hopeless.
TOKEN_BYTES = 32


class TokenKind(StrEnum):
    """What a token opens; the values are TorchServe's, in its key file and as `type` of a renewal."""

    MANAGEMENT = "management"
    INFERENCE = "inference"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it ends."""

    key: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token as its owner may see it. `kind` and `expires` are None for the key that renews, which never ends."""

    kind: TokenKind | None
    key: str = field(repr=False)
    expires: datetime | None = None

    @property
    def is_expired(self) -> bool:
        """Whether it opens nothing any more."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


class Tokens:
    """The tokens in force. They are new at each start; the renewing key never ends (TorchServe)."""

    def __init__(self, lifetime: timedelta, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`lifetime` counts from the start, and from each renewal."""
        self._lifetime = lifetime
        self._now = now
        self._api_key = _new_key()
        self._tokens = {kind: self._new() for kind in TokenKind}

    def allows(self, kind: TokenKind, authorization: str) -> bool:
        """Whether the value of an Authorization header holds the token of this kind, and it has not ended.

        The comparison takes the same time for every wrong token.
        """
        token = self._tokens[kind]
        return _same(_bearer(authorization), token.key) and self._now() < token.expires

    def authorization(self, kind: TokenKind) -> dict[str, str]:
        """Return the headers of a request that this kind of token opens."""
        return {"Authorization": f"Bearer {self._tokens[kind].key}"}

    def describe(self) -> tuple[TokenInfo, ...]:
        """Return the tokens in force, and last the key that renews them."""
        known = (TokenInfo(kind, token.key, token.expires) for kind, token in self._tokens.items())
        return (*known, TokenInfo(None, self._api_key))

    def may_renew(self, authorization: str) -> bool:
        """Whether the value of an Authorization header holds the renewing key."""
        return _same(_bearer(authorization), self._api_key)

    def renew(self, kind: TokenKind) -> None:
        """Replace a token; the old one is worth nothing from now on."""
        self._tokens[kind] = self._new()

    def as_text(self) -> str:
        """Return what the key file holds, in TorchServe's form."""
        shown: dict[str, dict[str, str]] = {
            kind.value: {"key": token.key, "expiration time": token.expires.isoformat().replace("+00:00", "Z")}
            for kind, token in self._tokens.items()
        }
        return json.dumps({**shown, "API": {"key": self._api_key}}, indent=2) + "\n"

    def _new(self) -> Token:
        return Token(_new_key(), self._now() + self._lifetime)


class KeyFile:
    """The file that tells the owner of this machine account, and nobody else, which tokens are in force."""

    def __init__(self, folder: Path, tokens: Tokens) -> None:
        """Nothing is written before `write`."""
        self.path = folder / FILE_NAME
        self.tokens = tokens
        self._threads = Threads("marina-keys", 1)

    async def write(self) -> None:
        """Write the tokens as they are now; raises OSError when that is impossible."""
        await self._threads.run(_write, self.path, self.tokens.as_text())

    async def remove(self) -> None:
        """Take the file away, if there is one, for good."""
        await self._threads.run(_unlink, self.path)
        self._threads.close()


def tokens_wanted(settings: Settings) -> bool:
    """Whether callers need tokens: never when switched off, always beyond this machine, else when asked for.

    TorchServe wants them by default. Marina listens on loopback by default, where the user's own scripts call.
    """
    if settings.disable_token_authorization:
        return False
    asked_for = settings.source("disable_token_authorization") != "default"
    addresses = settings.calling_addresses
    return asked_for or not all(address.is_loopback for address in addresses)


def _write(path: Path, text: str) -> None:
    """Write for the owner alone, in one step; what stands in the file's place, even a link, is replaced."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _new_key() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def _bearer(authorization: str) -> str:
    """Return the token after "Bearer" and blanks, "" for any other scheme (TorchServe: case matters)."""
    scheme, _, token = authorization.partition(" ")
    return token.strip(" ") if scheme == "Bearer" else ""


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
