"""The Queue page under its table: what waits now, how long jobs waited, how full batches were."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from engine.snapshots import BUCKETS, Work
from gui import theme as themes
from gui.graphs.history import History, Mark
from gui.panels.queues import Queues
from gui.panels.selection import Selection
from gui.panels.waiting import Waiting, in_words
from gui.tables.catalog import Catalog
from tests.gui.fakes import FakeEngine, a_queue, a_version

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.theme import Theme

pytestmark = pytest.mark.usefixtures("theme")


def waits(*seconds: float) -> tuple[int, ...]:
    counts = [0] * (len(BUCKETS) + 1)
    for value in seconds:
        counts[bisect_left(BUCKETS, value)] += 1
    return tuple(counts)


@pytest.fixture
def waiting(qtbot: QtBot) -> Waiting:
    waiting = Waiting()
    qtbot.addWidget(waiting)
    waiting.resize(1000, 180)
    return waiting


def test_a_version_without_requests_says_so(waiting: Waiting) -> None:
    waiting.show_version(a_version(), None)
    assert waiting.currentIndex() == 0
    assert waiting.empty.text().startswith("No requests yet")


def test_waiting_times_are_those_of_the_last_minutes_and_of_all_jobs(waiting: Waiting) -> None:
    early, all_jobs = Work(waits=waits(*[2.0] * 90)), Work(waits=waits(*[2.0] * 90, *[0.01] * 10))
    version = a_version(queue=a_queue(accepted=100, work=all_jobs))
    waiting.show_version(version, Mark(0.0, early))
    assert float(waiting.recent[0].text()) == pytest.approx(10, rel=0.2)
    assert float(waiting.total[0].text().replace("\u2009", "")) == pytest.approx(2000, rel=0.2)
    assert not waiting.recent[0].isHidden()
    waiting.show_version(version, None)
    assert [label.text() for label in waiting.recent] == ["–"] * 3  # noqa: RUF001 - it is the window's dash


def test_jobs_that_all_came_lately_have_one_line(waiting: Waiting) -> None:
    version = a_version(queue=a_queue(accepted=10, work=Work(waits=waits(*[0.01] * 10))))
    waiting.show_version(version, Mark(0.0, Work()))
    assert all(label.isHidden() for label in waiting.recent)
    assert not any(label.isHidden() for label in waiting.total)


def test_batches_are_told_in_words_too(waiting: Waiting) -> None:
    waiting.show_version(a_version(batch_size=4, queue=a_queue(accepted=9, work=Work(fills=(0, 3, 0, 2)))), None)
    assert waiting.bars.accessibleDescription() == "1: 3, 3: 2"
    assert [bar.amount for bar in waiting.bars.bars] == [3, 0, 2, 0]


def test_bars_are_as_high_as_their_share(waiting: Waiting, theme: Theme) -> None:
    theme.choose(Qt.ColorScheme.Light)
    waiting.show_version(a_version(batch_size=2, queue=a_queue(accepted=9, work=Work(fills=(0, 100, 50)))), None)
    waiting.bars.resize(300, 200)
    image = waiting.bars.grab().toImage()
    middles = (image.width() // 4, image.width() * 3 // 4)
    heights = [sum(image.pixelColor(x, y) == themes.LIGHT.accent for y in range(image.height())) for x in middles]
    assert heights[0] > 100
    assert heights[1] == pytest.approx(heights[0] / 2, abs=2)


def test_what_is_in_the_queue_now_is_said_in_words() -> None:
    assert in_words(a_queue()) == "Nothing waits"
    assert in_words(a_queue(pending=17, in_flight=1)) == "17 of 100 waiting · 1 job in flight"
    assert in_words(a_queue(in_flight=2)) == "Nothing waits · 2 jobs in flight"


def test_the_page_has_a_row_for_each_version_and_the_selected_one_below(qtbot: QtBot) -> None:
    engine, catalog = FakeEngine(), Catalog()
    engine.put(a_version(), a_version(version="2.0", queue=a_queue(accepted=5, pending=3)))
    catalog.apply(engine.changes(0))
    model = catalog.models["digits"]
    page = Queues(History())
    qtbot.addWidget(page)
    page.show_selection(Selection(model, model.versions[1], {}))
    assert len(list(page.model.rows)) == 2
    assert page.waiting.title.text() == "Version 2.0"
    assert page.waiting.now.text() == "3 of 100 waiting"
    assert page.waiting.currentIndex() == 1
