"""The settings that the user saved in the window: a properties file of Marina's own. Blocking: run it in a thread.

Every other source goes before this file; see `engine.settings.loading`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from engine.errors import SettingsError
from engine.settings import properties
from engine.settings.declared import Settings
from engine.settings.loading import Given, read_text, value_of


def read_saved(path: Path) -> dict[str, str]:
    """Return the texts that are saved, by key; empty without a file. Raises SettingsError when it cannot be read."""
    known = Settings.declared()
    return {entry.key: entry.value.strip() for entry in properties.parse(_text(path)) if entry.key in known}


def save(path: Path, changes: Mapping[str, str | None]) -> None:
    """Check and save these texts, all or none; None goes back to the default. Other lines and comments are kept.

    Raises:
        SettingsError: a value cannot be used, or the file cannot be read or written.

    """
    for key, text in changes.items():
        if text is not None:
            value_of(key, Given(text, "to be saved"), path.parent)
    _write(path, properties.edited(_text(path), changes))


def _text(path: Path) -> str:
    """Return what is there, checked: a file that cannot be read must not be written over."""
    try:
        text = read_text(path) if path.exists() else ""
        properties.parse(text)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"{path} is no properties file: {error}. Correct it, or remove it.") from error
    return text


def _write(path: Path, text: str) -> None:
    """Put the file in place whole, for this user alone."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error
