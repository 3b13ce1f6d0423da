"""Making an archive of a model's files: what the files are, what an archive of them needs, and writing it.

`ArchivePlan` is pure. `look`, `place_for` and `make` block and belong in a thread. Nothing is imported or unpickled:
what a file is tells its name, and for a zip the names inside it.
"""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from engine.archives import names
from engine.archives.handlers import BUILT_IN, find_handler
from engine.archives.manifest import MANIFEST_NAME
from engine.archives.packing import pack
from engine.archives.private import PrivateFolder
from engine.archives.sources import candidates, take_name
from engine.archives.summary import check, read_manifest
from engine.errors import BadRequestError, ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from threading import Event

    from engine.archives.progress import ProgressCallback

MOST_FILES = 2_000
# The built-in handlers that most models need come first.
COMMON = ("image_classifier", "object_detector", "image_segmenter", "text_classifier", "base_handler")
BUILT_IN_HANDLERS = (*COMMON, *sorted(BUILT_IN.difference(COMMON)))
# torch-model-archiver: what a model's name may be.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HANDLER = re.compile("handler|service")
_ARCHITECTURE = re.compile("model|net|arch")
_CONFIGS = ("model-config.yaml", "model-config.yml", "model_config.yaml", "config.yaml")
_REQUIREMENTS = "requirements.txt"


class Kind(StrEnum):
    """What a file is to a model, in words."""

    SCRIPT = "TorchScript"
    WEIGHTS = "weights"
    PROGRAM = "exported program"
    ONNX = "ONNX"
    PYTHON = "Python"
    OTHER = "file"


# Files that a manifest may name as the serialized one, the likeliest first.
MODELS = (Kind.SCRIPT, Kind.ONNX, Kind.PROGRAM, Kind.WEIGHTS)
_BY_SUFFIX = {".py": Kind.PYTHON, ".onnx": Kind.ONNX, ".pth": Kind.WEIGHTS, ".pt": Kind.WEIGHTS, ".pt2": Kind.PROGRAM}
_ZIPPED = (".pt", ".pth", ".pt2", ".jit", ".ts", ".torchscript")


@dataclass(frozen=True, slots=True)
class Part:
    """A file on its way into an archive: its name there, where it lies, and its bytes."""

    name: str
    path: Path
    size: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What an archive is to hold and to say; `problem` tells what is missing.

    `serialized_file`, `model_file` (the Python file with an eager model's class), `requirements_file` and `config_file`
    are names among `parts`. `file_name` is the archive's own name in the model store; empty, it follows from `name`.
    """

    name: str = ""
    version: str = "1.0"
    handler: str = ""
    parts: tuple[Part, ...] = ()
    serialized_file: str = ""
    model_file: str = ""
    requirements_file: str = ""
    config_file: str = ""
    description: str = ""
    file_name: str = ""

    @property
    def archive(self) -> str:
        """The archive's file name."""
        return self.file_name or f"{self.name}.mar"

    @property
    def size(self) -> int:
        """Bytes of all parts, before they are compressed."""
        return sum(part.size for part in self.parts)

    @property
    def is_built_in(self) -> bool:
        """Whether the handler is one of TorchServe's."""
        return find_handler(self.handler, ())

    def part(self, name: str) -> Part | None:
        """The part of this name."""
        return next((part for part in self.parts if part.name == name), None)

    def with_parts(self, parts: Iterable[Part]) -> ArchivePlan:
        """The plan with these parts besides its own; a part of the same name takes the other's place."""
        return replace(self, parts=tuple(({part.name: part for part in self.parts} | _by_name(parts)).values()))

    def without(self, gone: Iterable[str]) -> ArchivePlan:
        """The plan without the parts of these names, and without anything that named them."""
        lost = set(gone)
        return replace(
            self,
            parts=tuple(part for part in self.parts if part.name not in lost),
            handler=_unless(lost, self.handler),
            serialized_file=_unless(lost, self.serialized_file),
            model_file=_unless(lost, self.model_file),
            requirements_file=_unless(lost, self.requirements_file),
            config_file=_unless(lost, self.config_file),
        )

    def problem(self) -> str:
        """Say what keeps this from being an archive that works, empty when nothing does."""
        return self._problem_of_words() or self._problem_of_handler() or self._problem_of_model()

    def _problem_of_words(self) -> str:
        if not self.parts:
            return "Add the files of the model."
        if not self.name:
            return "Type a name for the model."
        if not _NAME.fullmatch(self.name):
            return "The name starts with a letter or digit, and goes on with those, dots, hyphens and underscores."
        if names.component_problem(self.version):
            return "Type a version without separators, like 1.0."
        if problem := names.component_problem(self.archive):
            return f"The archive cannot be called {names.printable(self.archive)}: the name {problem}."
        return ""

    def _problem_of_handler(self) -> str:
        if not self.handler:
            return "Choose the handler: one that is built in, or a Python file of the model."
        if not find_handler(self.handler, [part.name for part in self.parts]):
            return f"{self.handler} is neither a built-in handler nor a Python file among these files."
        return ""

    def _problem_of_model(self) -> str:
        if not self.is_built_in or self.model_file:
            return ""
        model = self.part(self.serialized_file)
        if model is None:
            return f"{self.handler} needs a model file. Choose it, or use a handler of your own."
        problems = {
            Kind.WEIGHTS: f"{model.name} holds weights alone. Name the Python file with the model's class, "
            "or save the model as TorchScript.",
            Kind.PROGRAM: f"{model.name} is an exported program, which no built-in handler loads. "
            "Use a handler of your own, or save the model as TorchScript.",
        }
        if model.kind is Kind.SCRIPT and not model.name.endswith(".pt"):
            return f"{self.handler} takes TorchScript from a file that ends in .pt. Rename {model.name}."
        return problems.get(model.kind, "")


def look(paths: Sequence[Path]) -> ArchivePlan:
    """Return what can be said about an archive of these files and folders; of an unpacked archive, what it says.

    A folder's files keep their place below it (torch-model-archiver). Hidden files, links and `__pycache__` stay out.

    Raises BadRequestError for more than `MOST_FILES` files, InvalidArchiveError for an unreadable manifest, OSError.
    """
    parts: dict[str, Part] = {}
    for part in _parts(paths):
        parts[part.name] = part
        if len(parts) > MOST_FILES:
            raise BadRequestError(f"{paths[0].name} holds more than {MOST_FILES:,} files. Choose a smaller folder.")
    for folder in paths:
        if (folder / MANIFEST_NAME).is_file():
            return _as_before(folder, tuple(parts.values()))
    return guess(paths[0].name if paths[0].is_dir() else paths[0].stem, tuple(parts.values()))


def guess(title: str, parts: tuple[Part, ...]) -> ArchivePlan:
    """Return the likeliest plan for these parts; what the files' names do not tell is left open. Pure."""
    top = [part for part in parts if "/" not in part.name]
    present = {part.name for part in top}
    sources = [part.name for part in top if part.kind is Kind.PYTHON]
    handler = _first_like(_HANDLER, sources)
    architecture = _first_like(_ARCHITECTURE, [name for name in sources if name != handler])
    if not handler and len(sources) == 1 and not architecture:
        handler = sources[0]
    models = [part for part in top if part.kind in MODELS]
    serialized = min(models, key=lambda part: (MODELS.index(part.kind), -part.size), default=None)
    eager = serialized is not None and serialized.kind is Kind.WEIGHTS
    return ArchivePlan(
        name=re.sub(r"[^A-Za-z0-9_.-]+", "-", title).strip("-._"),
        handler=handler,
        parts=parts,
        serialized_file=serialized.name if serialized else "",
        model_file=architecture if eager else "",
        requirements_file=_REQUIREMENTS if _REQUIREMENTS in present else "",
        config_file=next((name for name in _CONFIGS if name in present), ""),
    )


def place_for(wished: str, model_store: Path) -> Path:
    """Return where an archive of this name goes: its own place, or with a number when that is taken."""
    return next(path for name in candidates(wished) if not os.path.lexists(path := model_store / name))


def make(
    plan: ArchivePlan, model_store: Path, progress: ProgressCallback | None = None, cancel: Event | None = None
) -> Path:
    """Write the archive into the model store and return where it lies; progress counts the bytes packed.

    Raises:
        BadRequestError: the plan has a problem, or a file's name is unsafe.
        ConflictError: the model store has an archive of that name; it is left alone.
        CancelledActError: the cancel event was set.
        OSError: a file cannot be read, or the archive not written. Nothing is left of it, whatever is raised.

    """
    if problem := plan.problem():
        raise BadRequestError(problem)
    folder = PrivateFolder(model_store)
    try:
        folder.open()
        made = _pack(plan, folder.path / "made.mar", progress, cancel)
        check(made, cancel)
        take_name(made, model_store / plan.archive)
    except FileExistsError as error:
        raise ConflictError(f"{plan.archive} is in the model store already. Give the archive another name.") from error
    finally:
        folder.close()
    return model_store / plan.archive


def _pack(plan: ArchivePlan, target: Path, progress: ProgressCallback | None, cancel: Event | None) -> Path:
    return pack(
        target,
        model_name=plan.name,
        version=plan.version,
        handler=plan.handler,
        files={part.name: part.path for part in plan.parts},
        description=plan.description,
        serialized_file=plan.serialized_file,
        model_file=plan.model_file,
        config_file=plan.config_file,
        requirements_file=plan.requirements_file,
        progress=progress,
        cancel=cancel,
    )


def _unless(lost: set[str], name: str) -> str:
    return "" if name in lost else name


def _by_name(parts: Iterable[Part]) -> dict[str, Part]:
    return {part.name: part for part in parts}


def _parts(paths: Iterable[Path]) -> Iterator[Part]:
    for path in paths:
        for file in _files(path) if path.is_dir() else [path]:
            name = file.relative_to(path).as_posix() if file != path else path.name
            yield Part(name, file, file.stat().st_size, _kind(file))


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in {"__pycache__", "MAR-INF"} or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def _kind(path: Path) -> Kind:
    suffix = path.suffix.lower()
    found = _BY_SUFFIX.get(suffix, Kind.OTHER)
    if suffix not in _ZIPPED or not zipfile.is_zipfile(path):
        return found
    with zipfile.ZipFile(path) as archive:
        inside = archive.namelist()
    # torch.jit.save writes both of these below one folder, torch.save neither.
    if any(name.endswith("/constants.pkl") for name in inside) and any("/code/" in name for name in inside):
        return Kind.SCRIPT
    return found


def _first_like(pattern: re.Pattern[str], found: Iterable[str]) -> str:
    return next((name for name in found if pattern.search(name.lower())), "")


def _as_before(folder: Path, parts: tuple[Part, ...]) -> ArchivePlan:
    about = read_manifest(folder, folder.name)
    lost = {about.serialized_file, about.model_file, about.requirements_file, about.config_file}
    lost -= {part.name for part in parts}
    plan = ArchivePlan(
        about.model_name or folder.name,
        about.version,
        about.handler,
        parts,
        about.serialized_file,
        about.model_file,
        about.requirements_file,
        about.config_file,
        about.description,
    )
    return plan.without(lost)
