"""What every envelope does around a handler's call. On the main thread of a worker."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...context import Context


class BaseEnvelope(ABC):
    """Calls `handle_fn(rows, context)` between `parse_input`, of the requests, and `format_output`, of the results.

    Nothing is parsed without requests, nor formatted without results (TorchServe).
    """

    def __init__(self, handle_fn: Callable[[Any, Any], Any]) -> None:
        self.handle_fn = handle_fn
        self.context: Context | None = None

    def handle(self, data: Any, context: Context) -> Any:
        """Answer a batch. A question for the model's description has no body, and reaches the handler as it is."""
        self.context = context
        if self._asks("describe"):
            return self.handle_fn(data, context)
        results = self.handle_fn(self.parse_input(data) if data else data, context)
        return results if _is_empty(results) else self.format_output(results)

    @abstractmethod
    def parse_input(self, data: list[dict[str, Any]]) -> Any:
        """Return what the handler gets for the requests' inputs."""

    @abstractmethod
    def format_output(self, data: Any) -> Any:
        """Return one answer for each request from what the handler returned."""

    def _asks(self, header: str) -> bool:
        """Whether the batch's first request asks to "explain" or "describe"."""
        return self.context is not None and self.context.get_request_header(0, header) == "True"


def value_of(row: dict[str, Any]) -> Any:
    """Return the one input of a request: `data`, else `body`."""
    return row.get("data") or row.get("body")


def json_object(row: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON object that a request carries, of whatever content type; raises ValueError when it is none."""
    value = value_of(row)
    if isinstance(value, (str, bytes, bytearray)):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"the body must be a JSON object, not {type(value).__name__}")  # noqa: TRY004 - bad content
    return value


def list_in(body: dict[str, Any], name: str) -> list[Any]:
    """Return the list `name` of a body; raises ValueError when there is none."""
    value = body.get(name)
    if not isinstance(value, list):
        raise ValueError(f"the body has no list {name!r}")  # noqa: TRY004 - bad content
    return value


def plain(value: Any) -> Any:
    """Return `value` as JSON can say it: tensors and arrays become lists, at any depth."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _is_empty(results: Any) -> bool:
    # A tensor of several elements is neither true nor false.
    return results is None or (hasattr(results, "__len__") and len(results) == 0)
