"""A label of a metric."""

from __future__ import annotations


class Dimension:
    """Name and value of a label, both as text."""

    def __init__(self, name: str, value: object) -> None:
        self.name = str(name)
        self.value = str(value)

    def __str__(self) -> str:
        return f"{self.name}:{self.value}"

    def to_dict(self) -> dict[str, str]:
        """Return {"Name": ..., "Value": ...}."""
        return {"Name": self.name, "Value": self.value}
