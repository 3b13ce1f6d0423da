"""The main window: lays out the panels and passes on what happens between them. The GUI thread.

It keeps no facts of its own: what it shows comes from the catalog, what it does goes through `Operations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QHideEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QMenu, QSplitter, QVBoxLayout, QWidget
from typing_extensions import override

from engine.exposure import open_doors
from engine.snapshots import VersionState
from gui.actions import Actions
from gui.commands import Commands
from gui.desktop.presence import Presence
from gui.dialogs.about import AboutDialog
from gui.dialogs.settings import SettingsDialog
from gui.drops import read_drop
from gui.filing import Filing
from gui.graphs.recorder import Recorder
from gui.menus import fill_menus
from gui.operations import Operations
from gui.palette.popup import Palette
from gui.panels.action_bar import ActionBar
from gui.panels.acts import ActsStrip
from gui.panels.announcing import Announcer
from gui.panels.browser import Browser
from gui.panels.details import Details
from gui.panels.offers import OffersStrip
from gui.panels.selection import Selection
from gui.panels.sidebar import Sidebar
from gui.panels.status_line import StatusLine
from gui.panels.undo_strip import UndoStrip
from gui.preferences import Preferences
from gui.refresh import Refresher
from gui.tables.catalog import Catalog
from gui.widgets.banner import Banner
from gui.widgets.basics import Button, Rule
from gui.widgets.drop_zone import DropVeil
from gui.words import tr
from gui.worker_commands import WorkerCommands

if TYPE_CHECKING:
    from gui.face import HostFace
    from gui.theme import Theme

SIZE = (1440, 900)
SHARES = [480, 400]


class Window(QMainWindow):
    """The window over one host.

    Signals: `closing` when the user wants to leave; the window stays until whoever listens has stopped the host.
    `restarting` when the user wants the server to start anew, with the settings as they are saved by then.
    """

    closing = Signal()
    restarting = Signal()

    def __init__(self, host: HostFace, theme: Theme, preferences: Preferences | None = None) -> None:
        super().__init__()
        self._host = host
        self._preferences = preferences or Preferences(parent=self)
        self.setWindowTitle(tr("Marina"))
        self.resize(*SIZE)
        self.setAcceptDrops(True)
        self.actions_ = Actions(self)
        self.catalog = Catalog()
        self.sidebar, self.status, self.banner = Sidebar(host.engine, self.catalog), StatusLine(), Banner()
        self.browser = Browser(self.catalog, self.actions_)
        self._announcer = Announcer(self.browser.table)
        self.details = Details(host, self.actions_)
        self._curl_menu = QMenu(tr("Copy as curl"), self)
        self.bar = self._action_bar()
        self._veil, self.offers = DropVeil(self), OffersStrip(host.engine)
        self.undo, self.acts = UndoStrip(self.actions_.undo), ActsStrip(host.engine)
        self.operations = Operations(host, self, self.catalog, self.banner, self.undo, self._show_registered)
        self._commands = Commands(self.actions_, self.operations, self.browser, lambda: host.addresses)
        self._filing = Filing(host, self.catalog, self.operations, self.banner, self)
        self._worker_commands = WorkerCommands(self.actions_, self.operations, self.details, self._filing, host, self)
        self.refresher = Refresher(host.engine, self.catalog, self)
        Recorder(self.details.history, self.catalog, self.refresher)
        menus = (self.browser.copy_menu, self._curl_menu)
        fill_menus(self.menuBar(), self.actions_, menus, self.browser.columns_menu)
        self.setCentralWidget(self._lay_out())
        self._connect()
        self._presence = Presence(self, theme, self._preferences)
        self.show_starting()
        self._refreshed()

    def _action_bar(self) -> ActionBar:
        actions = self.actions_
        bar = ActionBar(actions.register, [*actions.of_selection, actions.try_it])
        button = Button(tr("Copy as curl") + " ▾")
        button.clicked.connect(lambda: self._curl_menu.popup(button.mapToGlobal(button.rect().bottomLeft())))
        bar.add_button(button)
        self._curl_button = button
        return bar

    def _lay_out(self) -> QWidget:
        split = QSplitter(Qt.Orientation.Vertical)
        split.setObjectName("main")
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        split.addWidget(self.browser)
        split.addWidget(self.details)
        split.setSizes(SHARES)
        middle = _box(QHBoxLayout(), self.sidebar, Rule(standing=True), split, stretched=split)
        below = (self.offers, self.undo, self.acts, Rule(), self.status)
        return _box(QVBoxLayout(), self.bar, Rule(), self.banner, middle, *below, stretched=middle)

    def _connect(self) -> None:
        actions = self.actions_
        actions.quit.triggered.connect(self.closing)
        actions.start.triggered.connect(self.restarting)
        actions.refresh.triggered.connect(self.refresher.pull)
        actions.filter.triggered.connect(self._focus_filter)
        actions.clear_filter.triggered.connect(self.clear_filter)
        actions.about.triggered.connect(lambda: self.operations.show(AboutDialog(self._host.settings, self)))
        actions.settings.triggered.connect(self._open_settings)
        actions.palette.triggered.connect(lambda: Palette(self).open_at_top())
        self.bar.filter.textChanged.connect(self._filter)
        self.sidebar.filters.chosen.connect(self._filter)
        self.browser.selected.connect(self._show_selection)
        self.browser.table.selectionModel().selectionChanged.connect(self._enable_for_selection)
        actions.try_it.triggered.connect(self.details.open_try_it)
        self.details.try_it.wanted.connect(lambda key: self.browser.choose(*key))
        self.browser.table.activated_row.connect(self.details.enter)
        self.browser.cause_clicked.connect(self.details.open_failure)
        self.offers.chosen.connect(lambda name: self.operations.register([name]))
        for look in (self._refreshed, self.acts.look, self.offers.look):
            self.refresher.refreshed.connect(look)
        self._curl_menu.aboutToShow.connect(lambda: self._commands.fill_calls(self._curl_menu))

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
        self._tell_of_the_start()
        self.refresher.pull()

    def _tell_of_the_start(self) -> None:
        doors = open_doors(self._host.settings)
        self.status.show_doors(doors)
        if doors:
            self.banner.show_error("\n".join((tr("Settings open doors that Marina keeps shut by itself:"), *doors)))
        elif notices := self._host.engine.notices():
            self.banner.show_note("\n".join(notices))

    def show_failed(self, error: str) -> None:
        """Say why the server does not run."""
        self.status.show_state(VersionState.FAILED, tr("Not running"))
        self.browser.show_not_running(error)

    def show_stopping(self) -> None:
        """Say that the server is going down; nothing can be begun any more."""
        self._set_working(working=False)
        self.details.try_it.desk.cancel_all()
        self.status.show_state(VersionState.DRAINING, tr("Stopping…"))
        self.status.show_addresses({})

    def _set_working(self, *, working: bool) -> None:
        self._working = working
        self._enable_for_selection()

    async def aclose(self) -> None:
        """Close dialogs, end what runs, look at the engine no more."""
        self._presence.close()
        await self.operations.aclose()
        await self.details.try_it.aclose()
        self._filing.close()
        self.refresher.close()

    # What is shown.

    def _refreshed(self) -> None:
        self.sidebar.filters.count_states(self.catalog.counts())
        self.status.show_totals(self.catalog.totals(), self._host.engine.machine())
        self._show_page()
        self._show_selection()

    def _show_page(self) -> None:
        self.browser.show_page(self.bar.filter.text())
        self.bar.show_found(self.browser.model.shown_models, len(self.catalog.models))

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
        current = self.browser.current()
        self._announcer.look(current[0] if current else None)
        self.details.show_selection(Selection(*current, self._host.addresses) if current else None)
        self.details.setVisible(len(self.catalog.models) > 0)
        self._enable_for_selection()

    def _enable_for_selection(self) -> None:
        self._commands.enable(working=self._working)
        self._worker_commands.enable()
        chosen = self.browser.current() is not None
        self._curl_button.setEnabled(chosen)
        self._curl_menu.setEnabled(chosen)

    def _show_registered(self, name: str) -> None:
        self.refresher.pull(then=lambda: self.browser.choose(name))

    def _open_settings(self) -> None:
        dialog = SettingsDialog(self._host, self._preferences, self)
        dialog.restart_wanted.connect(self.restarting)
        self.operations.show(dialog)

    def come_forward(self, activation: str = "") -> None:
        """Show the window in front; `activation` is the token with which the desktop allows that, where it has such."""
        self._presence.come_forward(activation)

    @property
    def is_working(self) -> bool:
        """Whether the server runs, so that something can be begun."""
        return self._working

    # What Qt tells.

    @override
    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        if not self._presence.stay_hidden():
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
        if self._working:
            self._veil.cover(read_drop(event.mimeData()).welcome)

    @override
    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._veil.hide()

    @override
    def dropEvent(self, event: QDropEvent) -> None:
        self._veil.hide()
        event.acceptProposedAction()
        if self._working:
            self.operations.receive(read_drop(event.mimeData()))


def _box(layout: QHBoxLayout | QVBoxLayout, *widgets: QWidget, stretched: QWidget) -> QWidget:
    box = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    for widget in widgets:
        layout.addWidget(widget, 1 if widget is stretched else 0)
    box.setLayout(layout)
    return box
