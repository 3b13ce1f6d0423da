"""How many threads the numeric libraries of a forked worker use. In the worker, before it loads anything.

The libraries read their environment when they are imported, which was in the fork server and said one thread: set again
here from the worker's own environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# OpenBLAS under the names that NumPy's wheels, SciPy's and distributions give it.
OPENBLAS_SETTERS = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)


def use_threads(environment: Mapping[str, str]) -> None:
    """Have torch and OpenBLAS use as many threads as OMP_NUM_THREADS and OPENBLAS_NUM_THREADS say."""
    shared = _number(environment.get("OMP_NUM_THREADS")) or os.cpu_count() or 1
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(shared)
    own = _number(environment.get("OPENBLAS_NUM_THREADS")) or shared
    for library in _loaded_openblas():
        for name in OPENBLAS_SETTERS:
            with contextlib.suppress(AttributeError):
                getattr(library, name)(ctypes.c_int(own))


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _loaded_openblas() -> Iterator[ctypes.CDLL]:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123 - pathlib adds nothing
        paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "openblas" in line}
    for path in sorted(paths):
        with contextlib.suppress(OSError):
            yield ctypes.CDLL(path)
