"""The Graphs page: lines are drawn while it is shown, in the theme's colours; nothing happens while it is hidden."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent
from PySide6.QtWidgets import QApplication

from engine.snapshots import BUCKETS, Work
from gui import theme as themes
from gui.graphs.history import TICKS, History
from gui.graphs.library import plots
from gui.graphs.recorder import Recorder
from gui.panels import graphs as graphs_page
from gui.panels.graphs import Graphs
from gui.panels.selection import Selection
from gui.refresh import Refresher
from gui.tables.catalog import Catalog
from gui.tables.records import VersionRecord
from tests.gui.fakes import FakeEngine, a_queue, a_version, until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

    from engine.snapshots import VersionSnapshot
    from gui.graphs.plot import Plot
    from gui.tables.records import ModelRecord
    from gui.theme import Theme
    from tests.gui.fakes import Run


def selection(version: VersionSnapshot) -> Selection:
    catalog = Catalog()
    engine = FakeEngine()
    engine.put(version)
    catalog.apply(engine.changes(0))
    model: ModelRecord = catalog.models[version.key.name]
    return Selection(model, VersionRecord(version), {})


def at_work(answered: int) -> VersionSnapshot:
    latencies = (0,) * 40 + (answered,) + (0,) * (len(BUCKETS) - 40)
    return a_version(queue=a_queue(answered=answered, accepted=answered, work=Work((), latencies, (0, answered))))


@pytest.fixture
def history() -> History:
    history = History()
    for second in range(TICKS):
        history.begin([at_work(5 * second)], float(second))
        history.work()
    return history


@pytest.fixture
def page(theme: Theme, history: History) -> Iterator[Graphs]:
    theme.choose(Qt.ColorScheme.Light)
    page = Graphs(history)
    page.resize(1200, 320)
    yield page
    page.hide()
    page.deleteLater()


def drawn(page: Graphs) -> bool:
    return not page._due and not page._step.isActive()


def shown(page: Graphs, body: Callable[[], None]) -> Coroutine[Any, Any, None]:
    async def show() -> None:
        page.show_selection(selection(at_work(5)))
        page.show()
        await until(lambda: drawn(page), 30)
        body()

    return show()


def plot_of(page: Graphs, index: int) -> Plot:
    plot = page.graphs[index].plot
    assert plot is not None
    return plot


def colours_in(plot: Plot) -> set[str]:
    image = plot.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def test_the_newest_values_are_told_in_words(run: Run, page: Graphs) -> None:
    def body() -> None:
        requests, latency, queue, memory = page.graphs
        assert requests.accessibleDescription() == "answered 5.0"
        assert latency.accessibleDescription().startswith("p50 ")
        assert queue.accessibleDescription() == "pending 0"
        assert memory.accessibleDescription() == "workers 61 MB"
        assert memory.title.text() == "Memory, MB"

    run(shown(page, body))


def test_lines_have_the_figures_by_their_ages(run: Run, page: Graphs) -> None:
    def body() -> None:
        plot = plot_of(page, 0)
        assert (plot.traces[0].values[-1], len(plot.traces[0].values)) == (5, TICKS)
        assert plot.span == 300

    run(shown(page, body))


def test_lines_have_the_colours_of_the_scheme(run: Run, page: Graphs, theme: Theme) -> None:
    def has(colour: QColor) -> bool:
        return colour.name() in colours_in(plot_of(page, 0))

    async def body() -> None:
        await shown(page, lambda: None)
        assert has(themes.LIGHT.border)
        theme.choose(Qt.ColorScheme.Dark)
        await until(lambda: has(themes.DARK.border))
        assert not has(themes.LIGHT.border)
        theme.choose(Qt.ColorScheme.Light)
        await until(lambda: has(themes.LIGHT.border))

    run(body())


def test_the_pointer_tells_the_values_of_its_second_in_every_graph(run: Run, page: Graphs) -> None:
    def body() -> None:
        plot_of(page, 0).hovered.emit(-78.2)
        assert [graph.ends.pointed_at for graph in page.graphs] == ["1 min 18 s ago"] * 4
        assert plot_of(page, 3).cursor_age == -78
        QApplication.sendEvent(plot_of(page, 0), QEvent(QEvent.Type.Leave))
        assert page.graphs[2].ends.pointed_at == ""
        assert plot_of(page, 3).cursor_age is None

    run(shown(page, body))


def test_the_pointers_place_is_a_time(run: Run, page: Graphs) -> None:
    def body() -> None:
        plot, ages = plot_of(page, 0), list[object]()
        plot.hovered.connect(ages.append)
        left = page.graphs[0].axis_width
        for x in (left // 2, (left + plot.width()) // 2):
            _move(plot, QPointF(x, plot.height() / 2))
        outside, middle = ages
        assert outside is None
        assert isinstance(middle, float)
        assert -160 < middle < -140

    run(shown(page, body))


def test_a_hidden_page_does_no_work(run: Run, page: Graphs) -> None:
    def body() -> None:
        page.hide()
        assert not page._second.isActive()
        page.show_selection(selection(a_version("denoiser")))
        assert not page._step.isActive()

    run(shown(page, body))


def test_a_version_at_rest_has_words_instead_of_graphs(run: Run, page: Graphs) -> None:
    def body() -> None:
        page.show_selection(selection(a_version("denoiser", workers=())))
        assert page.hint.isVisible()
        assert "no requests" in page.hint.text()
        page.show_selection(selection(at_work(5)))
        assert not page.hint.isVisible()

    run(shown(page, body))


def test_columns_follow_the_room(run: Run, page: Graphs) -> None:
    def places() -> set[tuple[int, ...]]:
        return {page._grid.getItemPosition(place)[:2] for place in range(4)}  # type: ignore[index]  # a tuple of int

    def body() -> None:
        assert places() == {(0, 0), (0, 1), (0, 2), (0, 3)}
        page.resize(700, 320)
        assert places() == {(0, 0), (0, 1), (1, 0), (1, 1)}
        page.resize(400, 320)
        assert places() == {(0, 0), (1, 0), (2, 0), (3, 0)}
        page.resize(1200, 600)
        assert places() == {(0, 0), (0, 1), (1, 0), (1, 1)}

    run(shown(page, body))


def test_the_first_graph_is_drawn_before_the_page_is_seen_once_the_library_is_there(run: Run, page: Graphs) -> None:
    async def body() -> None:
        await until(lambda: plots().done(), 30)
        page.show_selection(selection(at_work(5)))
        page.show()
        assert plot_of(page, 0).traces
        await until(lambda: drawn(page))

    run(body())


def test_without_the_library_the_page_has_titles_and_values(
    run: Run, page: Graphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming: Future[type[Plot]] = Future()
    monkeypatch.setattr(graphs_page, "plots", lambda: coming)

    async def body() -> None:
        page.show_selection(selection(at_work(5)))
        page.show()
        requests = page.graphs[0]
        assert (requests.plot, requests.title.isVisible(), requests.ends.isVisible()) == (None, True, True)
        coming.set_exception(ImportError("no numpy"))
        await until(lambda: drawn(page), 30)
        assert requests.none.text() == "Cannot draw: no numpy"
        assert requests.accessibleDescription() == "answered 5.0"

    run(body())


def test_a_young_version_fills_a_minute(run: Run, theme: Theme) -> None:
    theme.choose(Qt.ColorScheme.Light)
    history = History()
    for second in range(20):
        history.begin([at_work(5 * second)], float(second))
        history.work()
    page = Graphs(history)
    page.resize(1200, 320)

    def body() -> None:
        assert [plot_of(page, place).span for place in range(4)] == [60] * 4
        assert [graph.ends.minutes for graph in page.graphs] == [1] * 4

    run(shown(page, body))
    page.hide()
    page.deleteLater()


def test_the_recorder_notes_each_look_at_figures(run: Run) -> None:
    async def body() -> None:
        engine, catalog, history = FakeEngine(), Catalog(), History()
        engine.put(*(a_version(str(number)) for number in range(500)))
        refresher = Refresher(engine, catalog)
        recorder = Recorder(history, catalog, refresher)
        refresher.pull()
        await until(lambda: len(history) == 500)
        await until(lambda: not recorder._rest.isActive())
        refresher.close()

    run(body())


def _move(plot: Plot, place: QPointF) -> None:
    buttons = Qt.MouseButton.NoButton
    event = QMouseEvent(
        QEvent.Type.MouseMove, place, plot.mapToGlobal(place), buttons, buttons, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(plot, event)
