"""The three tokens of a running Marina: management, inference, and the key that renews the other two.

`TokenInfo` is what the window may show of one. `Tokens` is pure but for its randomness. `KeyFile` writes them down in a
thread of its own. Both are used on the loop. `read_kept` reads what an earlier start kept, before the loop has work.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from engine.settings import Settings
from engine.threads import Threads

log = logging.getLogger(__name__)

FILE_NAME = "key_file.json"
# Where tokens are kept from one start to the next, when the setting token_persistence is on.
KEPT_NAME = "tokens.json"
# The renewing key, as TorchServe's key file names it.
API = "API"
MAX_FILE_SIZE = 64 * 1024
# The bits of a file's mode that are about other users.
OTHERS = 0o077
# TorchServe's tokens have 6 random bytes; a guess must be hopeless.
TOKEN_BYTES = 32


class TokenKind(StrEnum):
    """What a token opens; the values are TorchServe's, in its key file and as `type` of a renewal."""

    MANAGEMENT = "management"
    INFERENCE = "inference"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it ends; None is never."""

    key: str
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A token as its owner may see it. `kind` is None for the key that renews, `expires` for what never ends."""

    kind: TokenKind | None
    key: str = field(repr=False)
    expires: datetime | None = None

    @property
    def is_expired(self) -> bool:
        """Whether it opens nothing any more."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


class Tokens:
    """The tokens in force: new at each start unless they are kept. The renewing key never ends (TorchServe)."""

    def __init__(
        self,
        lifetime: timedelta | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        kept: Mapping[str, str] | None = None,
    ) -> None:
        """`lifetime` counts from the start, and from each renewal; None is without end.

        `kept` are keys of an earlier start by kind, as `keys` returns them.
        """
        self._lifetime = lifetime
        self._now = now
        kept = kept or {}
        self._api_key = kept.get(API) or _new_key()
        self._tokens = {kind: self._new(kept.get(kind)) for kind in TokenKind}

    def keys(self) -> dict[str, str]:
        """Return all keys by kind, the renewing one as "API"."""
        return {**{kind.value: token.key for kind, token in self._tokens.items()}, API: self._api_key}

    def allows(self, kind: TokenKind, authorization: str) -> bool:
        """Whether the value of an Authorization header holds the token of this kind, and it has not ended.

        The comparison takes the same time for every wrong token.
        """
        token = self._tokens[kind]
        is_over = token.expires is not None and self._now() >= token.expires
        return _same(_bearer(authorization), token.key) and not is_over

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
        shown: dict[str, dict[str, str]] = {kind.value: _entry(token) for kind, token in self._tokens.items()}
        return json.dumps({**shown, API: {"key": self._api_key}}, indent=2) + "\n"

    def _new(self, key: str | None = None) -> Token:
        return Token(key or _new_key(), None if self._lifetime is None else self._now() + self._lifetime)


class KeyFile:
    """The file that tells the owner of this machine account, and nobody else, which tokens are in force."""

    def __init__(self, folder: Path, tokens: Tokens, kept_at: Path | None = None) -> None:
        """Nothing is written before `write`. `kept_at` is a further file, which outlives this process."""
        self.path = folder / FILE_NAME
        self.tokens = tokens
        self._kept_at = kept_at
        self._threads = Threads("marina-keys", 1)

    async def write(self) -> None:
        """Write the tokens as they are now; raises OSError when that is impossible."""
        if self._kept_at is not None:
            await self._threads.run(_write_kept, self._kept_at, self.tokens.keys())
        await self._threads.run(_write, self.path, self.tokens.as_text())

    async def remove(self) -> None:
        """Take the file away, if there is one, for good; what is kept stays."""
        await self._threads.run(_unlink, self.path)
        self._threads.close()


def read_kept(path: Path) -> dict[str, str]:
    """Return the keys that an earlier start kept, none when there are none. Reads a small file.

    A file that is no regular file, that others may read or that belongs to another user is not trusted: new tokens are
    made, and the log says why. Raises nothing.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            _require_private(os.fstat(descriptor))
            found = json.loads(file.read(MAX_FILE_SIZE))
        return {kind: _checked_key(found[kind]) for kind in (*TokenKind, API)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        log.warning("The tokens in %s cannot be used: %s. New ones replace them.", path, error)
        return {}


def _require_private(about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is no regular file")
    if hasattr(os, "getuid") and (about.st_uid != os.getuid() or about.st_mode & OTHERS):
        raise ValueError("it must belong to this user, and no other user may read it")


def _checked_key(key: object) -> str:
    if isinstance(key, str) and re.fullmatch(r"[A-Za-z0-9_-]{32,200}", key):
        return key
    raise ValueError("a token is missing or too short")


def tokens_wanted(settings: Settings) -> bool:
    """Whether callers need tokens: never when switched off, always beyond this machine, else when asked for.

    TorchServe wants them by default. Marina listens on loopback by default, where the user's own scripts call.
    """
    if settings.disable_token_authorization:
        return False
    asked_for = settings.source("disable_token_authorization") != "default"
    addresses = settings.calling_addresses
    return asked_for or not all(address.is_loopback for address in addresses)


def without_token(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that a handler may see where callers need tokens: the token is Marina's, and none of its."""
    return {name: value for name, value in headers.items() if name.lower() != "authorization"}


def _write_kept(path: Path, keys: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    _write(path, json.dumps(keys, indent=2) + "\n")


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
    """Compare in constant time; a header may hold bytes that are no UTF-8, which HTTP libraries give as surrogates."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode())


def _entry(token: Token) -> dict[str, str]:
    """Return a token as the key file shows it; one that never ends has no time."""
    if token.expires is None:
        return {"key": token.key}
    return {"key": token.key, "expiration time": token.expires.isoformat().replace("+00:00", "Z")}
