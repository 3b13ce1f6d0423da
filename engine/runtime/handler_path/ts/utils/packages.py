"""Packages that only some handlers need: imported when such a handler is used, and named when they are missing."""

from __future__ import annotations

import importlib
import sys
from functools import cached_property
from typing import Any

_PACKAGES = {"PIL": "pillow"}
_PER_MODEL = "install_py_dep_per_model=true"
CHOOSE_PYTHON = "choose a Python for workers that has it, with worker_python"


def require(module: str, handler: Any, needed_by: str = "") -> Any:
    """Import `module` for `handler`, an instance or its class; `needed_by` is its name, unless it is the class's.

    Raises ImportError that says which package to install for which handler, where the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not _is_missing(module, error):
            raise
        raise ImportError(_advice(module, handler, needed_by), name=error.name) from error


def is_frozen() -> bool:
    """Whether this is the Python of Marina's bundle, which has its packages built in."""
    return bool(getattr(sys, "frozen", False))


def import_if_installed(name: str) -> Any:
    """Import a module, or return None where that is not possible."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class LazyAttribute(cached_property):  # type: ignore[type-arg]  # generic in name only on Python 3.9
    """A method that makes an attribute's value when it is first read; of a class, its value is made anew each time.

    A subclass or an instance that sets the attribute never runs the method, nor needs the packages that it requires.
    """

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        return self.func(owner) if instance is None else super().__get__(instance, owner)


def _is_missing(module: str, error: ModuleNotFoundError) -> bool:
    """Whether `error` says that the package itself is not there, and not one that it imports."""
    return bool(error.name) and f"{module}.".startswith(f"{error.name}.")


def _advice(module: str, handler: Any, needed_by: str) -> str:
    top = module.partition(".")[0]
    package = _PACKAGES.get(top, top)
    name = needed_by or (handler if isinstance(handler, type) else type(handler)).__name__
    if is_frozen():
        return f"{name} needs the package {package}, which Marina's own Python lacks: {CHOOSE_PYTHON}"
    needs = f"{name} needs the package {package}, which is not installed for {sys.executable}"
    requirements = ((getattr(handler, "manifest", None) or {}).get("model") or {}).get("requirementsFile")
    if requirements:
        return (
            f"{needs}: see that the archive's {requirements} names {package} and set {_PER_MODEL}, or install it there"
        )
    return f"{needs}: install it there, or name it in a requirements.txt of the archive and set {_PER_MODEL}"
