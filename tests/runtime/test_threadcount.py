"""How many threads numeric libraries use, as the engine says, with a stand-in for torch."""

from __future__ import annotations

import sys

import pytest

from engine.runtime.threadcount import change_threads


class Torch:
    def __init__(self, threads: int) -> None:
        self.threads = threads

    def get_num_threads(self) -> int:
        return self.threads

    def set_num_threads(self, threads: int) -> None:
        self.threads = threads


def torch_after(monkeypatch: pytest.MonkeyPatch, environment: str, used: int, threads: int) -> Torch:
    torch = Torch(used)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setenv("OMP_NUM_THREADS", environment)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    change_threads(threads)
    return torch


def test_torch_follows_a_new_share(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = torch_after(monkeypatch, "16", 16, 2)
    assert torch.threads == 2
    change_threads(8)
    assert torch.threads == 8


def test_a_number_that_the_handler_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = torch_after(monkeypatch, "16", 4, 2)
    assert torch.threads == 4
    change_threads(8)
    assert torch.threads == 4
