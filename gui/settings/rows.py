"""The settings of the server as rows to show and to change: what runs, what is saved, what was typed. Pure, no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.settings import Settings, text_of
from gui.words import tr

if TYPE_CHECKING:
    from engine.settings import Setting

# What these say on screen is not what they are read from.
ONLY_IN_FILES = frozenset({"models", "model_snapshot"})


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. `locked` says why it cannot be changed here, empty when it can."""

    key: str
    setting: Setting
    default: str
    running: str
    source: str
    locked: str

    @property
    def help(self) -> str:
        """What the setting means."""
        return tr(self.setting.help)

    @property
    def unit(self) -> str:
        """What its number counts, empty for anything else."""
        return tr(self.setting.unit) if self.setting.unit else ""

    @property
    def is_switch(self) -> bool:
        """Whether it is true or false."""
        return self.default in {"true", "false"}

    def problem(self, text: str) -> str:
        """Say what is wrong with a text, empty when it can be saved."""
        try:
            self.setting.parse(text.strip())
        except ValueError as error:
            return tr("{key}: {reason}.").format(key=self.key, reason=error)
        return ""


def rows(settings: Settings) -> list[Row]:
    """Every setting, in the order of the table."""
    defaults = Settings()
    return [
        Row(key, Settings.declared()[key], _text(defaults, key), text, source, _locked(settings, key))
        for key, text, source in settings.describe()
    ]


def _text(settings: Settings, key: str) -> str:
    return text_of(getattr(settings, key))


def _locked(settings: Settings, key: str) -> str:
    if key in ONLY_IN_FILES:
        return tr("This is JSON, and can be written in a configuration file only.")
    if not settings.is_free(key):
        return tr("Set by {source}, which goes before what is saved here.").format(source=settings.source(key))
    return ""


@dataclass(slots=True)
class Drafts:
    """What is saved and what was typed, by key. None in `typed` goes back to the default."""

    saved: dict[str, str] = field(default_factory=dict)
    typed: dict[str, str | None] = field(default_factory=dict)

    def text(self, row: Row) -> str:
        """What counts from the next start on, as far as it is known now."""
        if row.locked:
            return row.running
        typed = self.typed.get(row.key, self.saved.get(row.key))
        return row.default if typed is None else typed

    def type(self, row: Row, text: str | None) -> None:
        """Note what was typed; the same as what is saved is no change."""
        wanted = None if text is None or text.strip() == row.default else text.strip()
        if wanted == self.saved.get(row.key):
            self.typed.pop(row.key, None)
        else:
            self.typed[row.key] = wanted

    def take_as_saved(self) -> None:
        """What was typed has been saved."""
        self.saved = {key: text for key, text in (self.saved | self.typed).items() if text is not None}
        self.typed = {}

    def source(self, row: Row) -> str:
        """Where the shown text comes from."""
        if row.key in self.typed:
            return tr("Not saved yet")
        if not row.locked and self.text(row) != row.running:
            return tr("Saved, from the next start on")
        return row.source
