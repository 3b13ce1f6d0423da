"""Which dragged things are archives, and why the others are refused. The GUI thread; touches no disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData

SUFFIXES = (".mar", ".tar.gz", ".tgz")


@dataclass(frozen=True, slots=True)
class Drop:
    """Archives to add, and a reason for each thing that is none."""

    archives: tuple[Path, ...]
    refused: tuple[str, ...]


def read_drop(mime: QMimeData) -> Drop:
    """Sort what is dragged into archives and refusals."""
    archives: list[Path] = []
    refused: list[str] = []
    for url in mime.urls():
        name = url.fileName() or url.toString()
        if not url.isLocalFile():
            refused.append(tr("{name} is an address. Download the archive, then drop the file.").format(name=name))
        elif name.endswith(SUFFIXES):
            archives.append(Path(url.toLocalFile()))
        else:
            refused.append(tr("{name} is no model archive. Drop a .mar or .tar.gz file.").format(name=name))
    if not mime.hasUrls() and mime.hasText():
        refused.append(tr("Text cannot be dropped here. Drop a .mar or .tar.gz file."))
    return Drop(tuple(archives), tuple(refused))
