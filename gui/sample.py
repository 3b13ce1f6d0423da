"""The sample that comes with Marina: an archive that reads handwritten digits, and images to try it with. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.snapshots import VersionSnapshot

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "sample"
ARCHIVE = FOLDER / "digits.mar"
INPUTS = tuple(FOLDER / name for name in ("seven.png", "four.png", "zero.png"))
HANDLER = "digits_handler"


def is_sample(version: VersionSnapshot) -> bool:
    """Whether a version comes from the sample archive, as far as its names tell."""
    return version.url == ARCHIVE.name and version.handler.partition(":")[0].removesuffix(".py") == HANDLER


def next_input(path: Path | None) -> Path:
    """The input to try after this one."""
    return INPUTS[(INPUTS.index(path) + 1) % len(INPUTS)] if path in INPUTS else INPUTS[0]
