"""Workers that die come back soon, but not before a test has looked at what they left."""

from __future__ import annotations

import pytest

from engine.workers import lifecycle

BACK_OFF = 0.3


@pytest.fixture(autouse=True)
def quick_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "BACK_OFF", (BACK_OFF,))
