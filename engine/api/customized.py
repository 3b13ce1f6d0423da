"""What a handler says about its own model: `customizedMetadata` in the description of a version. On the loop."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.engine import Engine

DESCRIBED_BY_HANDLER = "customizedMetadata"


async def customized_metadata(
    engine: Engine, name: str, version: str | None, request_id: str, headers: dict[str, str]
) -> dict[str, Any]:
    """Ask a worker and return the field to add to the description, or no field when the handler says nothing.

    The API document has the value as a string that holds a JSON object, TorchServe 0.12 as the object itself (setting
    `api_dialect`). A handler that does not know the question answers something else, which counts as an empty object.
    Raises NotFoundError, UnavailableError, PredictionError or TimedOutError.
    """
    reply = await engine.ask_metadata(name, version, request_id, headers)
    text, value = _read(bytes(reply.body))
    if value is None:
        return {}
    return {DESCRIBED_BY_HANDLER: value if engine.settings.api_dialect == "torchserve-0.12" else text}


def _read(body: bytes) -> tuple[str, dict[str, Any] | None]:
    """Return a handler's answer as text and as an object; None for JSON's null."""
    try:
        value = msgspec.json.decode(body)
        text = body.decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "{}", {}
    if value is None or isinstance(value, dict):
        return text, value
    return "{}", {}
