"""What the parts of the bundle weigh. Standard library alone."""

from __future__ import annotations

import os
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

MEGABYTE = 1_000_000
# Each part by what lies in the folder of libraries; the first that fits counts.
PARTS = {
    "torch": ("torch/*", "torch-*", "functorch/*", "torchgen/*", "sympy/*", "networkx/*"),
    "Qt": ("PySide6/*", "shiboken6/*", "*Qt6*"),
    "numpy": ("numpy/*", "numpy.libs/*", "numpy-*"),
    "grpc": ("grpc/*", "google/*", "grpc*"),
    "botocore": ("botocore/*", "boto3/*"),
    "Pillow": ("PIL/*", "pillow*"),
    "Marina": ("engine/*", "gui/*", "resources/*"),
    "Python": ("python3*", "lib-dynload/*", "libpython*", "base_library.zip", "python*.dll"),
}
LIBRARIES = "_internal"
PROGRAMS = "programs, with the modules of each"
REST = "other libraries"


def weigh(bundle: Path) -> dict[str, int]:
    """Return the bytes of each part of the bundle in this folder, the largest first; links weigh nothing."""
    weights: Counter[str] = Counter()
    for folder, _, names in os.walk(bundle):
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                weights[part_of(path.relative_to(bundle).as_posix())] += path.stat().st_size
    return dict(weights.most_common())


def part_of(place: str) -> str:
    """Return the name of the part that the file at this place belongs to."""
    if not place.startswith(f"{LIBRARIES}/"):
        return PROGRAMS
    inner = place.removeprefix(f"{LIBRARIES}/")
    found = (part for part, patterns in PARTS.items() if any(fnmatchcase(inner, pattern) for pattern in patterns))
    return next(found, REST)


def table(weights: dict[str, int]) -> str:
    """Return the parts and the whole as lines, in megabytes."""
    lines = {**weights, "the whole": sum(weights.values())}
    return "\n".join(f"{size / MEGABYTE:8.1f} MB  {part}" for part, size in lines.items())
