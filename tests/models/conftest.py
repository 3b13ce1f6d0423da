"""The `ts` package as workers have it, for handlers that run in the test process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HANDLER_PATH = Path(__file__).parents[2] / "engine" / "runtime" / "handler_path"


@pytest.fixture
def handler_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put `ts` on the module path, and take what was imported from there away again."""
    monkeypatch.syspath_prepend(str(HANDLER_PATH))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("ts", "digits_handler", "digits_image", "silero_vad_handler"):
            del sys.modules[name]
