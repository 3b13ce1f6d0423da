"""An engine with its listeners: what the window and `marina-server` start and stop. Runs on either's loop."""

from __future__ import annotations

import asyncio
import logging

from engine.api import inference, management
from engine.api.listener import Listener
from engine.engine import Engine
from engine.home import Home
from engine.settings import Settings

log = logging.getLogger(__name__)


class Host:
    """Starts everything in order and stops it in the reverse one."""

    def __init__(self, settings: Settings, home: Home) -> None:
        """Nothing happens before `start`."""
        self.settings = settings
        self.engine = Engine(settings, home)
        limit = settings.max_request_size
        self._listeners = {
            "inference": Listener(self.engine, settings.inference_address, inference.OPERATIONS, limit),
            "management": Listener(self.engine, settings.management_address, management.OPERATIONS, limit),
        }
        self._addresses: dict[str, str] = {}
        self._stopping = asyncio.Lock()
        self._stopped = False

    @property
    def addresses(self) -> dict[str, str]:
        """The listeners' URLs by name; empty while nothing answers."""
        return dict(self._addresses)

    async def start(self) -> None:
        """Take the addresses, bring the models back, then begin to answer.

        Raises AddressInUseError, SettingsError, StoreError or OSError; everything is stopped again then.
        """
        _name_idle_keys(self.settings)
        try:
            for listener in self._listeners.values():
                await listener.bind()
            await self.engine.start()
            for listener in self._listeners.values():
                await listener.serve()
        except BaseException:
            await self.stop()
            raise
        self._addresses = {name: listener.url for name, listener in self._listeners.items()}

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


def _name_idle_keys(settings: Settings) -> None:
    """Say once which keys have no effect, so that none is silently passed over."""
    if settings.unknown_keys:
        log.warning("Nobody knows these keys of the configuration: %s", ", ".join(settings.unknown_keys))
    if settings.ignored_keys:
        log.warning("Marina does not act on these settings of TorchServe: %s", ", ".join(settings.ignored_keys))
