"""Which version answers requests that name none. The GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QWidget
from typing_extensions import override

from gui import curl
from gui.dialogs.operation import OperationDialog
from gui.words import tr

if TYPE_CHECKING:
    from gui.face import EngineFace
    from gui.tables.records import ModelRecord


class SetDefaultDialog(OperationDialog):
    """A choice among the model's versions; `chosen` is the one to offer first, `current` the default until now."""

    def __init__(
        self, engine: EngineFace, model: ModelRecord, chosen: str, management: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(tr("Default version of {name}").format(name=model.name), tr("Set default"), parent)
        self._engine = engine
        self._model = model
        self._management = management
        self.current = next((v.snapshot.key.version for v in model.versions if v.snapshot.is_default), "")
        self.versions = QComboBox()
        self.versions.setAccessibleName(tr("Version"))
        self.versions.addItems([version.snapshot.key.version for version in model.versions])
        self.versions.setCurrentText(chosen)
        self.versions.currentTextChanged.connect(self.refresh)
        self.form.addRow(tr("Version"), self.versions)
        self.refresh()

    @property
    def chosen(self) -> str:
        """The version that is to be the default."""
        return self.versions.currentText()

    @override
    def problem(self) -> str:
        if self.chosen == self.current:
            return tr("Version {version} is the default already.").format(version=self.current)
        return ""

    @override
    def consequence(self) -> str:
        return tr("Requests to {path} go to {version} instead of {current}.").format(
            path=curl.prediction_path(self._model.name), version=self.chosen, current=self.current
        )

    @override
    def curl(self) -> str:
        return curl.set_default(self._management, self._model.name, self.chosen)

    @override
    async def act(self) -> None:
        await self._engine.set_default(self._model.name, self.chosen)
