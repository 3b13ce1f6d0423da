"""Fields that tell what is wrong with them, while one types. The GUI thread."""

from __future__ import annotations

from PySide6.QtWidgets import QLineEdit

from gui import words
from gui.words import tr


class NumberField(QLineEdit):
    """A whole number in a range; empty leaves it to the default that the field shows."""

    def __init__(self, label: str, low: int, high: int) -> None:
        super().__init__()
        self._label = label
        self._low = low
        self._high = high
        self.setAccessibleName(label)

    @property
    def value(self) -> int | None:
        """The number, None while it is empty or wrong."""
        text = self.text().strip()
        if not (text.isascii() and text.isdecimal()):
            return None
        return int(text) if len(text) <= len(str(self._high)) and self._low <= int(text) <= self._high else None

    def set_value(self, value: int | None) -> None:
        """Show a number, or the default for None."""
        self.setText("" if value is None else str(value))

    def problem(self) -> str:
        """Say what is wrong, empty when nothing is."""
        if not self.text().strip() or self.value is not None:
            return ""
        return tr("{field} must be a whole number from {low} to {high}.").format(
            field=self._label, low=words.number(self._low), high=words.number(self._high)
        )
