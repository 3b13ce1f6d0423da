"""What `marina` and `marina-server` do before anything runs: read the settings, or print what was asked and leave."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import VERSION
from engine.errors import SettingsError
from engine.home import Home
from engine.settings import Settings, load


def find_settings(program: str, arguments: Sequence[str] | None = None) -> Settings:
    """Return the settings that count now for this process; reads small files. Raises SettingsError.

    `arguments` stand in for those of the process.
    """
    saved = Home.find(os.environ).settings_file
    return load(sys.argv[1:] if arguments is None else arguments, os.environ, Path.cwd(), program=program, saved=saved)


def read_settings(program: str, arguments: Sequence[str] | None = None) -> Settings:
    """Return the settings of this process; raises SystemExit once a version, the settings or a mistake was printed."""
    try:
        settings = find_settings(program, arguments)
    except SettingsError as error:
        sys.stderr.write(f"{program}: {error}\n")
        raise SystemExit(1) from None
    if settings.show_version:
        sys.stdout.write(f"Marina {VERSION}\n")
        raise SystemExit(0)
    if settings.print_config:
        sys.stdout.writelines(f"{key}={value}  # {source}\n" for key, value, source in settings.describe())
        raise SystemExit(0)
    return settings
