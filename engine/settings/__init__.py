"""Every setting of Marina, declared once, and the one way to read them. Pure but for reading one small file.

`declared` holds the table, `loading` merges the file, the command line and the environment into a frozen `Settings`.
"""

from __future__ import annotations

from engine.settings.addresses import Address
from engine.settings.declared import ALL_MODELS, Setting, Settings
from engine.settings.loading import load
from engine.settings.saved import read_saved, save
from engine.settings.snapshots import SnapshotModel
from engine.settings.values import ModelDefaults, StartModel, text_of

__all__ = [
    "ALL_MODELS",
    "Address",
    "ModelDefaults",
    "Setting",
    "Settings",
    "SnapshotModel",
    "StartModel",
    "load",
    "read_saved",
    "save",
    "text_of",
]
