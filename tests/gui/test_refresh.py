from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gui.refresh import Refresher
from gui.tables.catalog import Catalog
from tests.gui.fakes import FakeEngine, a_version

if TYPE_CHECKING:
    from collections.abc import Iterator

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
