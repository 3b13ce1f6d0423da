from __future__ import annotations

import sys

import pytest

from engine.frozen import WORKER_PROGRAM, is_frozen, own_python


def test_marinas_own_python_is_the_one_it_runs_on() -> None:
    assert not is_frozen()
    assert own_python() == sys.executable


def test_in_the_bundle_a_program_beside_the_window_stands_in_for_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/marina/marina")
    assert own_python() == f"/opt/marina/{WORKER_PROGRAM}"
