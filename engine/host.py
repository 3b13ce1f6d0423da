"""An engine with its listeners: what the window and `marina-server` start and stop. Runs on either's loop."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from engine.api.authorization import Guard, guard
from engine.api.listener import Listener
from engine.api.sites import sites
from engine.archives.urls import reaching_inside
from engine.engine import Engine
from engine.home import Home
from engine.settings import Settings
from engine.tokens import KeyFile, TokenKind, Tokens, tokens_wanted

log = logging.getLogger(__name__)


class Host:
    """Starts everything in order and stops it in the reverse one."""

    def __init__(self, settings: Settings, home: Home) -> None:
        """Nothing happens before `start`."""
        self.settings = settings
        self.engine = Engine(settings, home)
        self._keys = _key_file(settings, self.engine.home) if tokens_wanted(settings) else None
        # By the names of the APIs that each one answers for.
        self._listeners: dict[tuple[str, ...], Listener] = {}
        self._addresses: dict[str, str] = {}
        self._stopping = asyncio.Lock()
        self._stopped = False

    @property
    def addresses(self) -> dict[str, str]:
        """The URLs of the APIs by name; empty while nothing answers."""
        return dict(self._addresses)

    async def start(self) -> None:
        """Take the addresses, bring the models back, then begin to answer.

        Raises AddressInUseError, SettingsError, StoreError or OSError; everything is stopped again then.
        """
        _name_idle_keys(self.settings)
        _name_open_urls(self.settings)
        guards = _guards(self._keys) if self._keys else {}
        for apis, address, operations, check in sites(self.settings, guards):
            limit = self.settings.max_request_size
            self._listeners[apis] = Listener(self.engine, address, operations, limit, check)
        try:
            for listener in self._listeners.values():
                await listener.bind()
            await self.engine.start()
            if self._keys:
                await self._keys.write()
                log.info("Requests need a token; the tokens are in %s", self._keys.path)
            for listener in self._listeners.values():
                await listener.serve()
        except BaseException:
            await self.stop()
            raise
        self._addresses = {api: listener.url for apis, listener in self._listeners.items() for api in apis}

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
    return KeyFile(home.runtime, Tokens(timedelta(minutes=settings.token_expiration_min)))


def _guards(keys: KeyFile) -> dict[str, Guard]:
    """Return a guard for each listener that has a token of its own, by the listener's name."""
    return {kind.value: guard(kind, keys.tokens, keys.write) for kind in TokenKind}


def _name_idle_keys(settings: Settings) -> None:
    """Say once which keys have no effect, so that none is silently passed over."""
    if settings.unknown_keys:
        log.warning("Nobody knows these keys of the configuration: %s", ", ".join(settings.unknown_keys))
    if settings.ignored_keys:
        log.warning("Marina does not act on these settings of TorchServe: %s", ", ".join(settings.ignored_keys))


def _name_open_urls(settings: Settings) -> None:
    if patterns := reaching_inside(settings.allowed_urls):
        log.warning(
            "allowed_urls lets archives come from files, this machine or private networks: %s", ", ".join(patterns)
        )
