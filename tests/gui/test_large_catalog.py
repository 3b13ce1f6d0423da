"""A thousand models at work: what one slice of a refresh costs the loop, in processor time of this thread."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtTest import QAbstractItemModelTester

from gui import refresh
from gui.refresh import Refresher
from gui.tables import columns
from gui.tables.catalog import Catalog
from gui.tables.models import TreeModel
from gui.tables.proxies import ModelsProxy
from gui.tables.records import version_cells
from gui.tables.view import TableView
from tests.gui.fakes import FakeEngine, a_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

MODELS, VERSIONS = 1000, ("1.0", "1.1", "2.0")
CHANGED = 750  # versions between two looks: each of 3,000 once a second
LONGEST_SLICE = 0.008  # seconds of processor time, in the middle of many
FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


@pytest.fixture
def large_engine(engine: FakeEngine) -> FakeEngine:
    names = [f"model-{number:04}" for number in range(MODELS)]
    engine.put(*(a_version(name, version, is_default=version == "1.0") for name in names for version in VERSIONS))
    return engine


class Watched(Catalog):
    """Notes the processor time of every slice."""

    def __init__(self) -> None:
        super().__init__()
        self.slices: list[float] = []

    def work(self, seconds: float = refresh.SLICE_SECONDS) -> bool:
        started = time.thread_time()
        left = super().work(seconds)
        self.slices.append(time.thread_time() - started)
        return left


@pytest.fixture
def catalog() -> Watched:
    return Watched()


@pytest.fixture
def view(qtbot: QtBot, catalog: Watched) -> TableView:
    """A visible table of the catalog with every row open, as the window has it."""
    proxy = ModelsProxy(TreeModel(catalog))
    view = TableView(proxy, columns.MODELS, "Models")
    proxy.cell_model.setParent(proxy)
    proxy.setParent(view)
    qtbot.addWidget(view)
    view.resize(1200, 800)
    view.show()
    return view


@pytest.fixture
def refresher(large_engine: FakeEngine, catalog: Watched, view: TableView) -> Iterator[Refresher]:
    refresher = Refresher(large_engine, catalog)
    refresher.pull()
    view.expandAll()
    yield refresher
    refresher.close()


def serve_some(engine: FakeEngine, dice: random.Random, count: int = CHANGED) -> None:
    """Requests come and go at this many versions."""
    for key in dice.sample(list(engine.versions), count):
        version = engine.versions[key]
        queue = replace(
            version.queue, pending=dice.randint(0, 9), answered=version.queue.answered + dice.randint(1, 99)
        )
        engine.put(replace(version, queue=queue))


def look(qtbot: QtBot, refresher: Refresher, *, figures: bool) -> None:
    with qtbot.waitSignal(refresher.refreshed, timeout=20_000):
        refresher._pull_figures() if figures else refresher._pull_changes()


@pytest.mark.parametrize("figures", [False, True], ids=["changes", "figures"])
def test_a_slice_of_a_thousand_models_at_work_is_short(
    qtbot: QtBot, refresher: Refresher, catalog: Watched, large_engine: FakeEngine, *, figures: bool
) -> None:
    dice = random.Random(1)
    looks = 6
    refresher.pull()
    catalog.slices.clear()
    for _ in range(looks):
        serve_some(large_engine, dice)
        look(qtbot, refresher, figures=figures)
    ordered = sorted(catalog.slices)
    middle, worst, whole = statistics.median(ordered), ordered[-1], sum(ordered) / looks
    print(  # noqa: T201 - the figures are the point of running this with -s
        f"\n{CHANGED} of {MODELS * len(VERSIONS)} versions changed: {len(ordered) / looks:.0f} slices a look, "
        f"median {middle * 1e3:.1f} ms, longest {worst * 1e3:.1f} ms, together {whole * 1e3:.0f} ms a look"
    )
    assert middle < LONGEST_SLICE


def test_slices_end_with_what_the_engine_has(
    qtbot: QtBot, refresher: Refresher, catalog: Watched, large_engine: FakeEngine
) -> None:
    dice = random.Random(2)
    for figures in (True, False):
        serve_some(large_engine, dice)
        look(qtbot, refresher, figures=figures)
    assert {record.snapshot.key: record.snapshot for record in catalog} == large_engine.versions
    for name in catalog.models.keys:
        rows = catalog.versions(name)
        assert [rows.cells(row) for row in range(len(rows))] == [version_cells(record) for record in rows]


def test_what_is_removed_while_slices_are_left_stays_removed(
    engine: FakeEngine, catalog: Watched, view: TableView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "SLICE_SECONDS", 0.0)
    testers = [QAbstractItemModelTester(model, FATAL) for model in (view._proxy.cell_model, view._proxy)]
    engine.put(*(a_version(str(number), version) for number in range(30) for version in VERSIONS))
    refresher = Refresher(engine, catalog)
    refresher.pull()
    dice = random.Random(3)
    serve_some(engine, dice, 60)
    engine.put(a_version("fresh"))
    refresher._pull_figures()
    assert refresher._rest.isActive(), "all of it was shown at once"
    for key in {*dice.sample(list(engine.versions), 30), a_version("fresh").key}:
        engine.remove(key)
    refresher.pull()
    refresher.close()
    assert {record.snapshot.key for record in catalog} == set(engine.versions)
    assert set(catalog.models.keys) == {key.name for key in engine.versions}
    assert view.model().rowCount() == len(catalog.models)
    del testers


def test_a_hidden_window_leaves_the_rest_for_later(
    qtbot: QtBot, refresher: Refresher, catalog: Watched, large_engine: FakeEngine
) -> None:
    refresher.set_active(active=True)
    serve_some(large_engine, random.Random(4))
    refresher._pull_changes()
    refresher.set_active(active=False)
    assert not refresher._rest.isActive()
    with qtbot.waitSignal(refresher.refreshed, timeout=20_000):
        refresher.set_active(active=True)
    assert {record.snapshot.key: record.snapshot for record in catalog} == large_engine.versions
