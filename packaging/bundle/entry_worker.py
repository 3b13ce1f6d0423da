"""The bundle's `marina-worker`: its Python, for those who start one by `sys.executable`.

    marina-worker [options] FILE | -c CODE | -m MODULE [arguments]

It takes Python's own command line, so that the engine starts workers and the fork server on it as on any interpreter,
and handlers their own processes. Python's options are accepted and change nothing: this one is started unbuffered.
"""

from __future__ import annotations

import multiprocessing
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

USAGE = "usage: marina-worker FILE | -c CODE | -m MODULE [arguments]\n"
TAKES_VALUE = ("-W", "-X", "--check-hash-based-pycs")


class Order(NamedTuple):
    """What to run: "-c" code, "-m" a module, "" a file; and its arguments."""

    kind: str
    what: str
    arguments: list[str]


def read(arguments: list[str]) -> Order | None:
    """Return what Python's command line asks for; None when that is nothing this program can do."""
    rest = iter(arguments)
    for argument in rest:
        if argument in TAKES_VALUE:
            next(rest, None)
        elif argument in {"-c", "-m"}:
            what = next(rest, None)
            return None if what is None else Order(argument, what, list(rest))
        elif not argument.startswith("-"):
            return Order("", argument, list(rest))
    return None


def run(order: Order) -> None:
    """Run the order as the program of this process."""
    sys.argv = [order.kind or order.what, *order.arguments]
    if order.kind == "-c":
        program = sys.modules["__main__"] = ModuleType("__main__")
        sys.path.insert(0, "")
        exec(compile(order.what, "<string>", "exec"), program.__dict__)  # noqa: S102 - it is what `-c` means
    elif order.kind == "-m":
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(order.what, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(order.what).resolve().parent))
        runpy.run_path(order.what, run_name="__main__")


def main() -> None:
    """Run what the command line asks for."""
    multiprocessing.freeze_support()
    order = read(sys.argv[1:])
    if order is None:
        sys.stderr.write(USAGE)
        raise SystemExit(2)
    run(order)


if __name__ == "__main__":
    main()
