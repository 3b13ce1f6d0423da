from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from gui import refresh
from gui.refresh import Refresher
from gui.tables.catalog import Catalog
from tests.gui.fakes import FakeEngine, a_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()


@pytest.fixture
def refresher(engine: FakeEngine, catalog: Catalog) -> Iterator[Refresher]:
    refresher = Refresher(engine, catalog)
    yield refresher
    refresher.close()


def test_a_change_is_seen_soon(qtbot: QtBot, refresher: Refresher, engine: FakeEngine, catalog: Catalog) -> None:
    refresher.set_active(active=True)
    with qtbot.waitSignal(refresher.refreshed, timeout=2000):
        engine.put(a_version())
    assert len(catalog.models) == 1


def test_a_storm_of_changes_is_one_look(qtbot: QtBot, refresher: Refresher, engine: FakeEngine) -> None:
    refresher.set_active(active=True)
    looks: list[int] = []
    refresher.refreshed.connect(lambda: looks.append(1))
    with qtbot.waitSignal(refresher.refreshed, timeout=2000):
        for number in range(100):
            engine.put(a_version(version=str(number)))
    assert len(looks) == 1


def test_a_hidden_window_does_not_look(refresher: Refresher, engine: FakeEngine, catalog: Catalog) -> None:
    engine.put(a_version())
    assert not refresher._soon.isActive()
    refresher.set_active(active=True)
    assert len(catalog.models) == 1
    refresher.set_active(active=False)
    engine.put(a_version("denoiser"))
    assert not refresher._soon.isActive()
    assert not refresher._figures.isActive()


def test_closing_ends_the_subscription_and_may_be_repeated(refresher: Refresher, engine: FakeEngine) -> None:
    assert len(engine.wakers) == 1
    refresher.close()
    refresher.close()
    assert engine.wakers == []


def test_who_pulls_is_called_once_all_of_it_is_shown(
    qtbot: QtBot,
    refresher: Refresher,
    engine: FakeEngine,
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refresh, "SLICE_SECONDS", 1e-6)
    monkeypatch.setattr(Catalog, "work", in_pieces(Catalog.work))
    engine.put(*(a_version(str(number)) for number in range(50)))
    shown: list[int] = []
    refresher.pull(then=lambda: shown.append(len(catalog.models)))
    assert len(catalog.models) < 50
    with qtbot.waitSignal(refresher.refreshed, timeout=5000):
        engine.put(a_version("more"))
        refresher.pull(then=lambda: shown.append(len(catalog.models)))
    assert shown == [51, 51]
    refresher.pull()
    assert shown == [51, 51]


def in_pieces(work: Callable[[Catalog, float], bool]) -> Callable[[Catalog, float], bool]:
    """Show a few models at each call, and all of what is left at the 20th: no clock decides."""
    calls: list[int] = []

    def some(catalog: Catalog, _seconds: float) -> bool:
        calls.append(1)
        if len(calls) < 20:
            work(catalog, 0.0)
            return True
        return work(catalog, math.inf)

    return some


def test_only_a_look_at_figures_tells_that_it_measured(qtbot: QtBot, refresher: Refresher, engine: FakeEngine) -> None:
    times: list[float] = []
    refresher.measured.connect(times.append)
    refresher.set_active(active=True)
    assert len(times) == 1
    with qtbot.waitSignal(refresher.refreshed, timeout=2000):
        engine.put(a_version())
    assert len(times) == 1
    refresher.pull()
    assert len(times) == 2
    assert times[0] < times[1]
