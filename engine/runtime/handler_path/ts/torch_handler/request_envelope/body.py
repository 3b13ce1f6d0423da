"""The envelope `body`: handlers get the inputs themselves, instead of dicts of them."""

from __future__ import annotations

from typing import Any

from .base import BaseEnvelope, value_of


class BodyEnvelope(BaseEnvelope):
    """Hands over the `data` or `body` of each request, and leaves the results alone."""

    def parse_input(self, data: list[dict[str, Any]]) -> list[Any]:
        """Return one value for each request."""
        return [value_of(row) for row in data]

    def format_output(self, data: Any) -> Any:
        """Return the results as they are."""
        return data
