"""For all tests: cyclic garbage is collected between tests in the main thread, never in a thread that a test started.

Widgets of an earlier test must not go in a thread; see gui/garbage.py for what the window does about it. No test but
those of GPUs sees one, so that the others expect the same on every machine.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

NO_TORCH = Path(__file__).parent / "support" / "no_torch"


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    if hasattr(config, "workerinput"):  # one of several processes
        config.pluginmanager.import_plugin("tests.support.alone")


def pytest_runtest_teardown() -> None:
    young, middle, old = gc.get_count()
    if young > gc.get_threshold()[0]:
        gc.collect(2 if old > gc.get_threshold()[2] else 1 if middle > gc.get_threshold()[1] else 0)


@pytest.fixture
def workers_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave torch out of fork servers and workers, which costs two seconds each, where no handler has a use for it."""
    monkeypatch.setenv("PYTHONPATH", str(NO_TORCH))
