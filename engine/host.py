"""An engine with its listeners: what the window and `marina-server` start and stop. Runs on either's loop."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from engine.api.authorization import Guard, guard_status
from engine.api.listener import Listener
from engine.api.sites import sites
from engine.descriptors import RESERVE, raise_limit, warn_of_few
from engine.engine import Engine
from engine.errors import AddressInUseError, UnavailableError
from engine.exposure import open_doors, require_guarded
from engine.heap import keep_freed_memory
from engine.home import Home
from engine.rpc.doors import Door, rpc_doors
from engine.settings import Settings
from engine.settings.declared import DEFAULT
from engine.tokens import KEPT_NAME, KeyFile, TokenInfo, TokenKind, Tokens, read_kept, tokens_wanted

log = logging.getLogger(__name__)

# APIs that Marina does without when their usual port is taken, and the setting of that port.
UNASKED = {"inference gRPC": "grpc_inference_port", "management gRPC": "grpc_management_port"}


class Host:
    """Starts everything in order and stops it in the reverse one."""

    def __init__(self, settings: Settings, home: Home, *, ends_crash_loops: bool = False) -> None:
        """Nothing happens before `start`. `ends_crash_loops` as for `Engine`."""
        self.settings = settings
        self.engine = Engine(settings, home, ends_crash_loops=ends_crash_loops)
        self._keys = _key_file(settings, self.engine.home) if tokens_wanted(settings) else None
        # By the names of the APIs that each one answers for.
        self._listeners: dict[tuple[str, ...], Door] = {}
        self._addresses: dict[str, str] = {}
        self._stopping = asyncio.Lock()
        self._stopped = False

    @property
    def addresses(self) -> dict[str, str]:
        """The URLs of the APIs by name; empty while nothing answers."""
        return dict(self._addresses)

    def authorization(self, listener: str) -> dict[str, str]:
        """Return the headers that requests to this listener need now; none without tokens, and where none is asked."""
        kind = next((kind for kind in TokenKind if kind.value == listener), None)
        return self._keys.tokens.authorization(kind) if self._keys and kind else {}

    @property
    def key_file(self) -> Path | None:
        """The file with the tokens, None where callers need none. It is there while this runs."""
        return self._keys.path if self._keys else None

    def tokens(self) -> tuple[TokenInfo, ...]:
        """Return the tokens in force, and the key that renews them; empty where callers need none."""
        return self._keys.tokens.describe() if self._keys else ()

    async def renew(self, kind: TokenKind) -> None:
        """Replace a token, in the key file too; the old one is worth nothing from now on.

        Raises UnavailableError where callers need none, and OSError when the file cannot be written.
        """
        if self._keys is None or self._stopped:
            raise UnavailableError("No tokens are in force, so there is none to renew.")
        self._keys.tokens.renew(kind)
        await self._keys.write()

    async def start(self) -> None:
        """Take the addresses, bring the models back, then begin to answer.

        Raises AddressInUseError, SettingsError, StoreError or OSError; everything is stopped again then.
        """
        keep_freed_memory()
        raise_limit()
        warn_of_few(self.settings.max_connections)
        _name_idle_keys(self.settings)
        require_guarded(self.settings)
        for door in open_doors(self.settings):
            log.warning("Open by a setting: %s", door)
        guards = _guards(self._keys, self.settings) if self._keys else {}
        for apis, address, operations, check in sites(self.settings, guards):
            limit = self.settings.max_request_size
            reserve = 0 if "management" in apis else RESERVE
            self._listeners[apis] = Listener(self.engine, address, operations, limit, check, reserve)
        self._listeners |= await rpc_doors(self.engine, self._keys.tokens if self._keys else None)
        try:
            for apis in list(self._listeners):
                await self._bind(apis)
            await self.engine.start()
            if self._keys:
                await self._keys.write()
                log.info("Requests need a token; the tokens are in %s", self._keys.path)
            for listener in self._listeners.values():
                await listener.serve()
            await self.engine.write_snapshots()
        except BaseException:
            await self.stop()
            raise
        self._addresses = {api: listener.url for apis, listener in self._listeners.items() for api in apis}

    async def _bind(self, apis: tuple[str, ...]) -> None:
        """Take an address; a port of gRPC that nobody asked for and somebody has is done without."""
        try:
            await self._listeners[apis].bind()
        except AddressInUseError as error:
            key = UNASKED.get(apis[0])
            if key is None or self.settings.source(key) != DEFAULT:
                raise
            log.warning("There is no %s: %s Set %s to use another.", apis[0], error, key)
            await self._listeners.pop(apis).close()

    async def stop(self) -> None:
        """Take no more requests, let those in flight finish for a while, end the workers, close. Safe to call twice."""
        async with self._stopping:
            if self._stopped:
                return
            self._stopped = True
            self._addresses = {}
            for listener in self._listeners.values():
                await listener.stop_accepting()
            await self.engine.stop()
            for listener in self._listeners.values():
                await listener.close()
            if self._keys:
                await self._keys.remove()


def _key_file(settings: Settings, home: Home) -> KeyFile:
    lifetime = timedelta(minutes=settings.token_expiration_min)
    if not settings.token_persistence:
        return KeyFile(home.runtime, Tokens(lifetime))
    kept_at = home.config / KEPT_NAME
    ends = settings.source("token_expiration_min") != DEFAULT
    return KeyFile(home.runtime, Tokens(lifetime if ends else None, kept=read_kept(kept_at)), kept_at)


def _guards(keys: KeyFile, settings: Settings) -> dict[str, Guard]:
    """Return a guard for each listener that has a token of its own, by the listener's name."""
    refused = guard_status(settings)
    return {
        kind.value: Guard(kind, keys.tokens, keys.write, refused, open_ping=settings.open_ping) for kind in TokenKind
    }


def _name_idle_keys(settings: Settings) -> None:
    """Log where the configuration comes from and which of its keys have no effect."""
    if settings.config_file:
        which = "the last snapshot, which --ncs leaves out: " if settings.reads_last_snapshot else ""
        log.info("The configuration is read from %s%s", which, settings.config_file)
    for problem in settings.problems:
        log.warning("Passed over in the saved settings: %s", problem)
    if settings.unknown_keys:
        log.warning("Nobody knows these keys of the configuration: %s", ", ".join(settings.unknown_keys))
    if settings.ignored_keys:
        log.warning("Marina does not act on these settings of TorchServe: %s", ", ".join(settings.ignored_keys))
