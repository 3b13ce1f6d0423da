"""For all tests: cyclic garbage is collected between tests in the main thread, never in a thread that a test started.

Widgets of an earlier test must not go in a thread; see gui/garbage.py for what the window does about it. No test but
those of GPUs sees one, so that the others expect the same on every machine.
"""

from __future__ import annotations

import gc
import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


def pytest_runtest_teardown() -> None:
    young, middle, old = gc.get_count()
    if young > gc.get_threshold()[0]:
        gc.collect(2 if old > gc.get_threshold()[2] else 1 if middle > gc.get_threshold()[1] else 0)
