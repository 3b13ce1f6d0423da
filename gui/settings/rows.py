"""The settings of the server as rows to show and to change: what runs, what is saved, what was typed. Pure, no Qt."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.errors import SettingsError
from engine.exposure import open_doors, require_guarded
from engine.settings import Settings, text_of
from gui.words import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.settings import Setting

# What these say on screen is not what they are read from.
ONLY_IN_FILES = frozenset({"models", "model_snapshot"})
_PLACE = re.compile(r" line (\d+) \(.*\)$")


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

    @property
    def short_source(self) -> str:
        """Where it comes from, without the folder: "config.properties, line 3"."""
        return _PLACE.sub(r", line \1", self.source)

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
        """Where the shown text comes from, in few words."""
        if row.key in self.typed:
            return tr("Not saved yet")
        if not row.locked and self.text(row) != row.running:
            return tr("Saved, from the next start on")
        return row.short_source

    def meant(self, running: Settings, rows: Sequence[Row]) -> Settings:
        """The settings of the next start, as far as they are known and can be read."""
        texts = [(row, self.text(row)) for row in rows if not row.locked]
        wanted = {
            row.key: row.setting.parse(text) if text != row.default else getattr(Settings(), row.key)
            for row, text in texts
            if text != row.running and (text == row.default or not row.problem(text))
        }
        return running.replace(**wanted)


def doors(settings: Settings) -> dict[str, str]:
    """What settings open beyond what Marina opens by itself, each by the key of the setting that does."""
    return {door.partition(" ")[0]: door for door in open_doors(settings)}


def refusal(settings: Settings) -> str:
    """Why Marina would not start with these, empty when it would."""
    try:
        require_guarded(settings)
    except SettingsError as error:
        return str(error)
    return ""
