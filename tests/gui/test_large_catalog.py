"""A thousand models at work: what one slice of a refresh costs the loop, in processor time of this thread."""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QMainWindow

from engine.snapshots import VersionState
from gui import refresh
from gui.actions import Actions
from gui.panels.browser import Browser
from gui.refresh import Refresher
from gui.tables import outline
from gui.tables.catalog import Catalog
from gui.tables.model_cells import row_cells
from gui.tables.outline import Outline
from gui.tables.outline_view import OutlineView
from tests.gui.fakes import FakeEngine, a_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from gui.tables.records import ModelRecord, VersionRecord
    from gui.tables.store import Cells

MODELS, VERSIONS = 1000, ("1.0", "1.1", "2.0")
CHANGED = 750  # versions between two looks: each of 3,000 once a second
LONGEST_SLICE = 0.008  # seconds of processor time, in the middle of many
FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


@pytest.fixture(autouse=True)
def shown_at_once() -> None:
    """Here slices are what is looked at."""


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
def view(qtbot: QtBot, catalog: Watched) -> OutlineView:
    """A visible table of the catalog with every row open, as the window has it."""
    model = Outline(catalog)
    view = OutlineView(model)
    model.setParent(view)
    qtbot.addWidget(view)
    view.resize(1200, 800)
    view.show()
    return view


@pytest.fixture
def refresher(qtbot: QtBot, large_engine: FakeEngine, catalog: Watched, view: OutlineView) -> Iterator[Refresher]:
    refresher = Refresher(large_engine, catalog)
    look(qtbot, refresher, figures=True)
    view.expand_all()
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


@pytest.mark.alone
@pytest.mark.parametrize("figures", [False, True], ids=["changes", "figures"])
def test_a_slice_of_a_thousand_models_at_work_is_short(
    qtbot: QtBot, refresher: Refresher, catalog: Watched, large_engine: FakeEngine, *, figures: bool
) -> None:
    dice = random.Random(1)
    looks = 6
    look(qtbot, refresher, figures=True)
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


@pytest.mark.alone
def test_sorted_by_a_live_column_rows_move_once_a_look_and_quickly(
    qtbot: QtBot, refresher: Refresher, large_engine: FakeEngine, view: OutlineView, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[float] = []
    arrange = Outline._arrange

    def timed(outline: Outline) -> None:
        started = time.thread_time()
        arrange(outline)
        taken.append(time.thread_time() - started)

    view.sortByColumn(4, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: view.outline._coming is None)
    view.choose(view.outline.find("model-0500"))
    monkeypatch.setattr(Outline, "_arrange", timed)
    dice = random.Random(5)
    for _ in range(5):
        serve_some(large_engine, dice)
        look(qtbot, refresher, figures=True)
    assert len(taken) == 5
    assert statistics.median(taken) < LONGEST_SLICE
    assert view.outline.row(view.currentIndex()) == ("model-0500", None)
    tops = [row for row in range(view.outline.rowCount()) if view.outline.row(view.outline.index(row, 0))[1] is None]
    pending = [view.outline.record(view.outline.index(row, 0)).pending for row in tops]
    assert pending == sorted(pending, reverse=True)


def test_a_refresh_makes_cells_for_what_is_seen_and_for_nothing_else(
    qtbot: QtBot, refresher: Refresher, large_engine: FakeEngine, view: OutlineView, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.repaint()
    made: list[object] = []

    def counted(record: ModelRecord | VersionRecord) -> Cells:
        made.append(record)
        return row_cells(record)

    monkeypatch.setattr(outline, "row_cells", counted)
    serve_some(large_engine, random.Random(6), len(large_engine.versions))
    look(qtbot, refresher, figures=True)
    assert len(made) <= 4 * (view.viewport().height() // view.rowHeight(0) + 2)


@pytest.mark.alone
def test_with_everything_selected_a_refresh_asks_only_for_what_failed(
    qtbot: QtBot, refresher: Refresher, large_engine: FakeEngine, catalog: Watched
) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    browser = Browser(catalog, Actions(window))
    browser.setParent(window)
    failed = a_version("model-0007", "1.1", state=VersionState.FAILED, is_default=False)
    large_engine.put(failed)
    look(qtbot, refresher, figures=False)
    qtbot.waitUntil(lambda: browser.model._coming is None)
    browser.model.set_all_open(is_open=True)
    assert (browser.count_selected(), browser.selected_failed()) == (0, [])
    browser.table.selectAll()
    assert browser.count_selected() == len(browser.selected_versions()) == MODELS * len(VERSIONS)
    assert failed in browser.selected_failed()
    assert len(browser.selected_failed()) == len(VERSIONS)
    browser.table.collapse_all()
    assert browser.count_selected() == len(browser.selected_versions())
    taken: list[float] = []
    browser.table.selectAll()
    for _ in range(9):
        started = time.thread_time()
        browser.count_selected()
        browser.selected_failed()
        taken.append(time.thread_time() - started)
    assert statistics.median(taken) < LONGEST_SLICE / 2


def test_slices_end_with_what_the_engine_has(
    qtbot: QtBot, refresher: Refresher, catalog: Watched, large_engine: FakeEngine, view: OutlineView
) -> None:
    dice = random.Random(2)
    for figures in (True, False):
        serve_some(large_engine, dice)
        look(qtbot, refresher, figures=figures)
    assert {record.snapshot.key: record.snapshot for record in catalog} == large_engine.versions
    rows = view.outline
    assert rows.rowCount() == MODELS * (1 + len(VERSIONS))
    for row in range(0, rows.rowCount(), 7):
        assert rows.cells(row) == row_cells(rows.record(rows.index(row, 0)))


def test_what_is_removed_while_slices_are_left_stays_removed(
    qtbot: QtBot, engine: FakeEngine, catalog: Watched, view: OutlineView, monkeypatch: pytest.MonkeyPatch
) -> None:
    tester = QAbstractItemModelTester(view.model(), FATAL)
    engine.put(*(a_version(str(number), version) for number in range(30) for version in VERSIONS))
    refresher = Refresher(engine, catalog)
    look(qtbot, refresher, figures=True)
    monkeypatch.setattr(refresh, "SLICE_SECONDS", 0.0)
    dice = random.Random(3)
    serve_some(engine, dice, 60)
    engine.put(a_version("fresh"))
    refresher._pull_figures()
    assert refresher._rest.isActive(), "all of it was shown at once"
    for key in {*dice.sample(list(engine.versions), 30), a_version("fresh").key}:
        engine.remove(key)
    monkeypatch.undo()
    look(qtbot, refresher, figures=True)
    refresher.close()
    assert {record.snapshot.key for record in catalog} == set(engine.versions)
    assert set(catalog.models) == {key.name for key in engine.versions}
    assert view.outline.shown_models == len(catalog.models)
    assert tester.model() is view.model()


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
