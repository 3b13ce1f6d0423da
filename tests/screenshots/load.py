"""Clients that keep the models of the pictures busy. On the window's loop."""

from __future__ import annotations

import asyncio

import aiohttp

from engine.tasks import TaskGroup


class Load:
    """Clients over one session, from the first `add` to `aclose`."""

    def __init__(self, inference: str) -> None:
        self._inference = inference
        self._session = aiohttp.ClientSession()
        self._tasks = TaskGroup()

    def add(self, model: str, body: bytes, clients: int, pause: float) -> None:
        """Let so many clients ask this model, each resting for `pause` seconds after an answer, whatever it is."""
        for number in range(clients):
            self._tasks.start(self._ask(model, body, pause), f"client {number} of {model}")

    async def _ask(self, model: str, body: bytes, pause: float) -> None:
        while True:
            async with self._session.post(f"{self._inference}/predictions/{model}", data=body) as response:
                await response.read()
            await asyncio.sleep(pause)

    async def aclose(self) -> None:
        """Send the clients home."""
        await self._tasks.aclose()
        await self._session.close()
