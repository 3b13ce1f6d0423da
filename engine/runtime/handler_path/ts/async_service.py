"""A service whose entry point is a coroutine function. Marina's workers call such handlers by themselves."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from .service import answers_of, enter_batch

if TYPE_CHECKING:
    from .service import Service


class AsyncService:
    """Awaits the entry point of `service`, with a context of its own for each batch."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def predict(self, batch: list[dict[str, Any]]) -> bytearray:
        """Return the answers to `batch` as `Service.predict` does."""
        context = copy.copy(self.service.context)
        rows = enter_batch(context, batch)
        return answers_of(context, await self.service.entry_point(rows, context))
