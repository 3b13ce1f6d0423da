"""Which action does what to what is selected, and when it can. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from gui.operations import can_retry
from gui.panels.calls import calls
from gui.words import counted, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtWidgets import QMenu

    from gui.actions import Actions
    from gui.operations import Operations
    from gui.panels.browser import Browser
    from gui.tables.records import ModelRecord, VersionRecord


class Commands:
    """Joins the actions on models to the operations; `addresses` are asked for when a call is copied."""

    def __init__(
        self, actions: Actions, operations: Operations, browser: Browser, addresses: Callable[[], Mapping[str, str]]
    ) -> None:
        self._actions = actions
        self._operations = operations
        self._browser = browser
        self._addresses = addresses
        actions.register.triggered.connect(operations.register_one)
        actions.make_archive.triggered.connect(lambda: operations.make_archive(()))
        actions.sample.triggered.connect(operations.load_sample)
        actions.scale.triggered.connect(self._scale)
        actions.set_default.triggered.connect(self._set_default)
        actions.retry.triggered.connect(self._retry)
        actions.unregister.triggered.connect(lambda: operations.unregister(browser.selected_versions()))
        actions.expand.triggered.connect(browser.table.expand_all)
        actions.collapse.triggered.connect(browser.table.collapse_all)

    def enable(self, *, working: bool) -> None:
        """Let each action be used when the server works and what is selected allows it."""
        actions, current = self._actions, self._browser.current()
        actions.register.setEnabled(working)
        actions.make_archive.setEnabled(working)
        actions.sample.setEnabled(working)
        for action in actions.of_selection:
            action.setEnabled(working and current is not None)
        actions.try_it.setEnabled(current is not None)
        several = current is not None and len(current[0].versions) > 1
        actions.set_default.setEnabled(working and several)
        actions.retry.setEnabled(working and any(map(can_retry, self._browser.selected_failed())))
        self._name(self._browser.count_selected())

    def _name(self, count: int) -> None:
        """Say in the menus how many versions an act is for."""
        if count <= 1:
            self._actions.scale.setText(tr("Scale…"))
            self._actions.unregister.setText(tr("Unregister…"))
        else:
            self._actions.scale.setText(counted(count, "Scale %n version…", "Scale %n versions…"))
            self._actions.unregister.setText(counted(count, "Unregister %n version…", "Unregister %n versions…"))

    def fill_calls(self, menu: QMenu) -> None:
        """Offer the calls for what is selected, to be copied."""
        menu.clear()
        if current := self._browser.current():
            for title, line in calls(current[1].snapshot, self._addresses()):
                action = menu.addAction(title)
                action.triggered.connect(lambda _checked, text=line: QGuiApplication.clipboard().setText(text))

    def _scale(self) -> None:
        self._operations.scale(self._browser.selected_versions())

    def _set_default(self) -> None:
        self._with_current(lambda model, version: self._operations.set_default(model, version.snapshot.key.version))

    def _retry(self) -> None:
        self._operations.retry([version for version in self._browser.selected_failed() if can_retry(version)])

    def _with_current(self, act: Callable[[ModelRecord, VersionRecord], None]) -> None:
        if current := self._browser.current():
            act(*current)
