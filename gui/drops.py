"""What dragged things are good for: archives to register, files to make an archive of, or neither. The GUI thread.

Names alone decide while something is dragged; only what lies then still open is looked at, by the engine, once dropped.
Nothing that is dropped runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl

from engine.errors import MarinaError
from gui.words import tr

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData

    from engine.making import ArchivePlan
    from gui.face import EngineFace

ARCHIVES = (".mar", ".tar.gz", ".tgz")
MODELS = (".pt", ".pth", ".pt2", ".onnx")
ADDRESSES = ("http", "https", "s3")
# Characters of dragged text that are looked at, and of a name that is shown.
MOST_TEXT = 20_000
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Drop:
    """Archives (files or addresses), files of models, what may be a folder, and a reason for each thing refused."""

    archives: tuple[Path | str, ...] = ()
    models: tuple[Path, ...] = ()
    open: tuple[Path, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def welcome(self) -> str:
        """What to say while it is held over the window."""
        if self.archives:
            return tr("Drop to see what is inside")
        if self.models or self.open:
            return tr("Drop to make an archive of it")
        return "\n".join(self.refused)


@dataclass(frozen=True, slots=True)
class Makings:
    """For each archive to be made the files and folders to begin with, and a reason for each thing refused."""

    archives: tuple[tuple[Path, ...], ...]
    refused: tuple[str, ...]


def read_drop(mime: QMimeData) -> Drop:
    """Sort what is dragged by its names; touches no disk."""
    archives: list[Path | str] = []
    models: list[Path] = []
    unsure: list[Path] = []
    refused: list[str] = []
    for url in _urls(mime):
        path = Path(url.toLocalFile())
        if url.scheme() in ADDRESSES:
            archives.append(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))
        elif not url.isLocalFile() or url.host():
            name = url.toString()[:MOST_SHOWN]
            refused.append(tr("{name} cannot be used. Drop files, folders or addresses.").format(name=name))
        elif path.name.endswith(ARCHIVES):
            archives.append(path)
        elif path.suffix.lower() in MODELS:
            models.append(path)
        else:
            unsure.append(path)
    return Drop(tuple(archives), tuple(models), tuple(unsure), tuple(refused))


async def sort_out(drop: Drop, engine: EngineFace) -> Makings:
    """Look at what is open: each folder gives an archive, files go with the dropped model files or are refused."""
    archives: list[tuple[Path, ...]] = []
    loose = list(drop.models)
    refused = list(drop.refused)
    for path in drop.open:
        try:
            plan = await engine.plan_archive([path])
        except (MarinaError, OSError) as error:
            refused.append(str(error))
            continue
        if not _is_file(plan, path):
            archives.append((path,))
        elif drop.models:
            loose.append(path)
        else:
            refused.append(
                tr("{name} is no model. Drop a .mar or .tar.gz file, a model's file or its folder.").format(
                    name=path.name
                )
            )
    if loose:
        archives.append(tuple(loose))
    return Makings(tuple(archives), tuple(refused))


def _urls(mime: QMimeData) -> list[QUrl]:
    """The dragged URLs, or the lines of dragged text as such."""
    if mime.hasUrls():
        return mime.urls()
    text = mime.text()
    lines = [line.strip() for line in text.splitlines()] if len(text) <= MOST_TEXT else [text[:MOST_SHOWN]]
    return [QUrl(line) for line in lines if line and not line.startswith("#")]


def _is_file(plan: ArchivePlan, path: Path) -> bool:
    return [part.path for part in plan.parts] == [path]
