"""The window feeds the history, and the Graphs page draws it; leaving in the midst of it leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.snapshots import Key
from gui.panels.details import GRAPHS
from gui.window import Window
from tests.gui.fakes import FakeEngine, FakeHost, a_queue, a_version, until

if TYPE_CHECKING:
    from gui.theme import Theme
    from tests.gui.fakes import Run


def test_the_graphs_of_the_selected_version_appear_on_their_tab(
    run: Run, host: FakeHost, engine: FakeEngine, theme: Theme
) -> None:
    async def body() -> None:
        await host.start()
        engine.put(a_version(queue=a_queue(pending=3)))
        window = Window(host, theme)
        window.show()
        window.show_running()
        window.browser.choose("digits")
        window.details.tabs.setCurrentIndex(GRAPHS)
        graphs = window.details.graphs.graphs
        await until(lambda: graphs[2].accessibleDescription() == "pending 3")
        assert window.details.history.series(Key("digits", "1.0")) is not None
        await window.aclose()
        window.hide()
        window.deleteLater()

    run(body())
