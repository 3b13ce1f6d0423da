"""What a version gets where its registration says nothing, and who says so. Pure.

The archive's model-config.yaml goes before all of these; only the engine reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engine.registration import DEFAULT_BATCH_DELAY
from gui.words import tr

if TYPE_CHECKING:
    from engine.settings import Settings


class Default(NamedTuple):
    """A value and where it comes from: "default", or the source of a setting."""

    value: int
    source: str

    def __str__(self) -> str:
        """Return it for an empty field."""
        if self.source == "default":
            return tr("{value} by default").format(value=self.value)
        return tr("{value}, {source}").format(value=self.value, source=self.source)


def defaults(settings: Settings, name: str, version: str) -> dict[str, Default]:
    """Return the default of each number of a registration; `name` and `version` may be empty while unknown."""
    given = settings.model_defaults(name, version)
    of_models = settings.source("models")
    found = {
        "batch_size": Default(1, "default"),
        "max_batch_delay": Default(DEFAULT_BATCH_DELAY, "default"),
        "initial_workers": _of_setting(settings, "default_workers_per_model"),
        "response_timeout": _of_setting(settings, "default_response_timeout"),
        "startup_timeout": _of_setting(settings, "default_startup_timeout"),
    }
    for key in found:
        value = getattr(given, "min_workers" if key == "initial_workers" else key)
        if value is not None:
            found[key] = Default(value, of_models)
    return found


def _of_setting(settings: Settings, key: str) -> Default:
    return Default(getattr(settings, key) or 0, settings.source(key))
