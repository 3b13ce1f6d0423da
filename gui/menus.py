"""The menu bar, made of the window's actions: only what works is in it. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QMenu, QMenuBar

    from gui.actions import Actions


def fill_menus(bar: QMenuBar, actions: Actions, copies: Sequence[QMenu], columns: QMenu) -> None:
    """Fill the bar; `copies` hang in the Model menu, `columns` in View."""
    file = bar.addMenu(tr("&File"))
    file.addActions([actions.register, actions.make_archive, actions.sample])
    file.addSeparator()
    file.addAction(actions.settings)
    file.addSeparator()
    file.addAction(actions.quit)
    bar.addMenu(tr("&Edit")).addAction(actions.undo)
    model = bar.addMenu(tr("&Model"))
    model.addActions([*actions.of_selection, actions.retry, actions.try_it])
    model.addSeparator()
    for menu in copies:
        model.addMenu(menu)
    bar.addMenu(tr("&Worker")).addActions([*actions.of_worker, actions.copy_traceback])
    view = bar.addMenu(tr("&View"))
    view.addActions([actions.refresh, actions.filter, actions.clear_filter, actions.log])
    view.addSeparator()
    view.addActions([actions.expand, actions.collapse])
    view.addSeparator()
    view.addMenu(columns)
    view.addMenu(tr("Theme")).addActions(actions.scheme.actions())
    view.addAction(actions.reset_layout)
    bar.addMenu(tr("&Help")).addActions([actions.palette, actions.diagnostics, actions.about])
