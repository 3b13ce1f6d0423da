"""The menu bar, made of the window's actions: only what works is in it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMenu, QMenuBar

    from gui.actions import Actions


def fill_menus(bar: QMenuBar, actions: Actions, copy_as_curl: QMenu) -> None:
    """Fill the bar; `copy_as_curl` hangs in the Model menu."""
    file = bar.addMenu(tr("&File"))
    file.addActions([actions.register, actions.sample])
    file.addSeparator()
    file.addAction(actions.quit)
    model = bar.addMenu(tr("&Model"))
    model.addActions([*actions.of_selection, actions.retry])
    model.addSeparator()
    model.addMenu(copy_as_curl)
    view = bar.addMenu(tr("&View"))
    view.addActions([actions.refresh, actions.filter, actions.clear_filter])
    view.addSeparator()
    view.addActions([actions.expand, actions.collapse])
    view.addSeparator()
    view.addMenu(tr("Theme")).addActions(actions.scheme.actions())
    bar.addMenu(tr("&Help")).addAction(actions.about)
