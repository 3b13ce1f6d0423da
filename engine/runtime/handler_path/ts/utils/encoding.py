"""What a handler may answer, as the bytes that go out (TorchServe). Pure; torch is looked at only if it is there."""

from __future__ import annotations

import io
import json
import sys
from typing import Any


def bytes_of(value: Any) -> bytes | bytearray:
    """Return one answer as bytes: text in UTF-8, a tensor as a torch archive, other values as indented JSON.

    Raises TypeError, ValueError or RecursionError for what is none of these.
    """
    if isinstance(value, (bytes, bytearray)):
        return value
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        buffer = io.BytesIO()
        torch.save(value, buffer)
        return buffer.getvalue()
    return (value if isinstance(value, str) else json.dumps(value, indent=2)).encode()
