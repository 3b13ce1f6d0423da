from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from gui import garbage
from gui.garbage import Collector, collected_here

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_threads_collect_nothing_while_there_is_a_window(qapp: QApplication) -> None:  # noqa: ARG001 - timers need it
    gone_in: list[threading.Thread] = []
    with collected_here():
        weakref.finalize(Cycle(), lambda: gone_in.append(threading.current_thread()))
        busy = threading.Thread(target=lambda: [Cycle() for _ in range(5_000)])
        busy.start()
        busy.join()
        assert not gone_in
    assert gone_in == [threading.main_thread()]


def test_what_is_due_is_collected() -> None:
    gone: list[bool] = []
    gc.collect()
    weakref.finalize(Cycle(), lambda: gone.append(True))
    kept = [[] for _ in range(2 * gc.get_threshold()[0])]  # type: ignore[var-annotated]  # any container counts
    Collector().collect_due()
    assert gone
    assert kept


def test_what_has_outlived_two_looks_is_collected_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[bool] = []
    old = Cycle()
    weakref.finalize(old, lambda: gone.append(True))
    gc.collect()
    del old
    gc.collect(1)
    assert not gone
    monkeypatch.setattr(garbage, "FULL_SECONDS", 0.0)
    Collector().collect_due()
    assert gone


def test_what_the_imports_made_is_never_looked_through(qapp: QApplication) -> None:  # noqa: ARG001 - timers need it
    was_on = gc.isenabled()
    with collected_here():
        made = gc.get_freeze_count()
        Collector().collect_due()
        assert gc.get_freeze_count() == made > len(gc.get_objects())
    assert gc.isenabled() is was_on


def test_automatic_collection_is_as_it_was_afterwards(qapp: QApplication) -> None:  # noqa: ARG001 - timers need it
    for switch, was_on in ((gc.enable, True), (gc.disable, False)):
        switch()
        with collected_here():
            assert not gc.isenabled()
        assert gc.isenabled() is was_on
