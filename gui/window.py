"""The main window: lays out the panels and passes on what happens between them. The GUI thread.

It keeps no facts of its own: what it shows comes from the catalog, what it does goes through `Operations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QHideEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QMenu, QSplitter, QVBoxLayout, QWidget
from typing_extensions import override

from engine.snapshots import VersionState
from gui.actions import Actions
from gui.dialogs.about import AboutDialog
from gui.drops import read_drop
from gui.menus import fill_menus
from gui.operations import Operations, can_retry
from gui.panels.action_bar import ActionBar
from gui.panels.browser import Browser
from gui.panels.calls import calls
from gui.panels.details import Details
from gui.panels.sidebar import Sidebar
from gui.panels.status_line import StatusLine
from gui.refresh import Refresher
from gui.tables.catalog import Catalog
from gui.widgets.banner import Banner
from gui.widgets.basics import Button, Rule
from gui.widgets.drop_zone import DropVeil
from gui.words import tr

if TYPE_CHECKING:
    from pathlib import Path

    from gui.face import HostFace
    from gui.theme import Theme

SIZE = (1440, 900)
SHARES = [480, 400]


class Window(QMainWindow):
    """The window over one host.

    Signals: `closing` when the user wants to leave; the window stays until whoever listens has stopped the host.
    """

    closing = Signal()

    def __init__(self, host: HostFace, theme: Theme) -> None:
        super().__init__()
        self._host = host
        self._theme = theme
        self.setWindowTitle(tr("Marina"))
        self.resize(*SIZE)
        self.setAcceptDrops(True)
        self.actions_ = Actions(self)
        self.catalog = Catalog()
        self.sidebar, self.status, self.banner = Sidebar(), StatusLine(), Banner()
        self.browser = Browser(self.catalog, self.actions_)
        self.details = Details()
        self._curl_menu = QMenu(tr("Copy as curl"), self)
        self.bar = self._action_bar()
        self._veil = DropVeil(self)
        self.operations = Operations(host, self, self.banner, self._show_registered)
        self.refresher = Refresher(host.engine, self.catalog, self)
        fill_menus(self.menuBar(), self.actions_, self._curl_menu)
        self.setCentralWidget(self._lay_out())
        self._connect()
        self.show_starting()
        self._refreshed()

    def _action_bar(self) -> ActionBar:
        actions = self.actions_
        bar = ActionBar(actions.register, actions.of_selection)
        button = Button(tr("Copy as curl") + " ▾")
        button.clicked.connect(lambda: self._curl_menu.popup(button.mapToGlobal(button.rect().bottomLeft())))
        bar.add_button(button)
        self._curl_button = button
        return bar

    def _lay_out(self) -> QWidget:
        split = QSplitter(Qt.Orientation.Vertical)
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        split.addWidget(self.browser)
        split.addWidget(self.details)
        split.setSizes(SHARES)
        middle = _box(QHBoxLayout(), self.sidebar, Rule(standing=True), split, stretched=split)
        return _box(QVBoxLayout(), self.bar, Rule(), self.banner, middle, Rule(), self.status, stretched=middle)

    def _connect(self) -> None:
        actions, operations = self.actions_, self.operations
        actions.register.triggered.connect(operations.register_one)
        actions.sample.triggered.connect(operations.load_sample)
        actions.quit.triggered.connect(self.close)
        actions.scale.triggered.connect(self._scale)
        actions.set_default.triggered.connect(self._set_default)
        actions.retry.triggered.connect(self._retry)
        actions.unregister.triggered.connect(lambda: operations.unregister(self.browser.selected_versions()))
        actions.refresh.triggered.connect(self.refresher.pull)
        actions.filter.triggered.connect(self._focus_filter)
        actions.clear_filter.triggered.connect(self.clear_filter)
        actions.expand.triggered.connect(self.browser.table.expandAll)
        actions.collapse.triggered.connect(self.browser.table.collapseAll)
        actions.about.triggered.connect(lambda: operations.show(AboutDialog(self)))
        actions.scheme.triggered.connect(self._choose_scheme)
        self.bar.filter.textChanged.connect(self._filter)
        self.sidebar.filters.chosen.connect(self._filter)
        self.browser.selected.connect(self._show_selection)
        self.browser.cause_clicked.connect(self.details.open_failure)
        self.refresher.refreshed.connect(self._refreshed)
        self._curl_menu.aboutToShow.connect(self._fill_curl_menu)

    # What the server is doing.

    def show_starting(self) -> None:
        """Say that the server is coming up."""
        self._set_working(working=False)
        self.status.show_state(VersionState.LOADING, tr("Starting…"))

    def show_running(self) -> None:
        """Say that the server runs, and where."""
        self._set_working(working=True)
        self.status.show_state(VersionState.READY, tr("Running"))
        self.status.show_addresses(self._host.addresses)
        self.sidebar.show_addresses(self._host.addresses)
        self.refresher.pull()

    def show_failed(self, error: str) -> None:
        """Say why the server does not run."""
        self.status.show_state(VersionState.FAILED, tr("Not running"))
        self.banner.show_error(error)

    def show_stopping(self) -> None:
        """Say that the server is going down; nothing can be begun any more."""
        self._set_working(working=False)
        self.status.show_state(VersionState.DRAINING, tr("Stopping…"))
        self.status.show_addresses({})

    def _set_working(self, *, working: bool) -> None:
        self._working = working
        self.actions_.register.setEnabled(working)
        self.actions_.sample.setEnabled(working)
        self._enable_for_selection()

    async def aclose(self) -> None:
        """Close dialogs, end what runs, look at the engine no more."""
        await self.operations.aclose()
        self.refresher.close()

    # What is shown.

    def _refreshed(self) -> None:
        self.sidebar.filters.count_states(self.catalog.counts())
        self.status.show_totals(list(self.catalog))
        self._enable_for_selection()
        self._show_page()
        self._show_selection()

    def _show_page(self) -> None:
        self.browser.show_page(self.bar.filter.text())
        self.bar.show_found(self.browser.proxy.rowCount(), len(self.catalog.models))

    def _filter(self) -> None:
        self.browser.show_only(self.bar.filter.text(), self.sidebar.filters.choice)
        self._show_page()
        self._show_selection()

    def clear_filter(self) -> None:
        """Show every model."""
        self.bar.filter.clear()
        self.sidebar.filters.clear_choice()

    def _focus_filter(self) -> None:
        self.bar.filter.setFocus()
        self.bar.filter.selectAll()

    def _show_selection(self) -> None:
        model, version = self.browser.current() or (None, None)
        self.details.show_selection(model, version, self._host.addresses)
        self.details.setVisible(len(self.catalog.models) > 0)
        self._enable_for_selection()

    def _enable_for_selection(self) -> None:
        current = self.browser.current()
        for action in self.actions_.of_selection:
            action.setEnabled(self._working and current is not None)
        several = current is not None and len(current[0].versions) > 1
        self.actions_.set_default.setEnabled(self._working and several)
        self.actions_.retry.setEnabled(self._working and current is not None and can_retry(current[1].snapshot))
        self._curl_button.setEnabled(current is not None)
        self._curl_menu.setEnabled(current is not None)

    def _show_registered(self, name: str) -> None:
        self.refresher.pull()
        self.browser.choose(name)

    def _choose_scheme(self, action: QAction) -> None:
        self._theme.choose(Qt.ColorScheme(action.data()))

    # What is done.

    def _scale(self) -> None:
        if current := self.browser.current():
            self.operations.scale(current[1].snapshot)

    def _set_default(self) -> None:
        if current := self.browser.current():
            self.operations.set_default(current[0], current[1].snapshot.key.version)

    def _retry(self) -> None:
        if current := self.browser.current():
            self.operations.retry(current[1].snapshot)

    def _fill_curl_menu(self) -> None:
        self._curl_menu.clear()
        if current := self.browser.current():
            for title, line in calls(current[1].snapshot, self._host.addresses):
                action = self._curl_menu.addAction(title)
                action.triggered.connect(lambda _checked, text=line: QGuiApplication.clipboard().setText(text))

    def open_files(self, paths: list[Path]) -> None:
        """Offer to register these archives, one after another."""
        if paths:
            self.operations.register(paths)

    # What Qt tells.

    @override
    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.closing.emit()

    @override
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresher.set_active(active=not self.isMinimized())

    @override
    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.refresher.set_active(active=False)

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.WindowStateChange:
            self.refresher.set_active(active=self.isVisible() and not self.isMinimized())

    @override
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.acceptProposedAction()
        if self._working and read_drop(event.mimeData()).archives:
            self._veil.cover()

    @override
    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._veil.hide()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        self._veil.hide()
        event.acceptProposedAction()
        drop = read_drop(event.mimeData())
        if drop.refused:
            self.banner.show_error("\n".join(drop.refused))
        if self._working:
            self.open_files(list(drop.archives))


def _box(layout: QHBoxLayout | QVBoxLayout, *widgets: QWidget, stretched: QWidget) -> QWidget:
    box = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    for widget in widgets:
        layout.addWidget(widget, 1 if widget is stretched else 0)
    box.setLayout(layout)
    return box
