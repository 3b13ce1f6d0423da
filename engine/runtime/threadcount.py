"""How many threads the numeric libraries of a worker use. In the worker, on its main thread.

The libraries read their environment when they are imported. In a forked worker that was in the fork server and said one
thread: `use_threads` sets the number again from the worker's own environment. `change_threads` sets another one when
the engine deals the processors anew, since the number of workers has changed.
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
    _set_openblas(_number(environment.get("OPENBLAS_NUM_THREADS")) or shared)


def change_threads(threads: int) -> None:
    """Use `threads` from now on, but for a library whose number the handler or the environment has set by itself."""
    before = _number(os.environ.get("OMP_NUM_THREADS"))
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() == before:
        torch.set_num_threads(threads)
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        _set_openblas(threads)


def _set_openblas(threads: int) -> None:
    for library in _loaded_openblas():
        for name in OPENBLAS_SETTERS:
            with contextlib.suppress(AttributeError):
                getattr(library, name)(ctypes.c_int(threads))


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _loaded_openblas() -> Iterator[ctypes.CDLL]:
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123 - pathlib adds nothing
            paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "openblas" in line}
    except OSError:
        return  # a system without /proc
    for path in sorted(paths):
        with contextlib.suppress(OSError):
            yield ctypes.CDLL(path)
