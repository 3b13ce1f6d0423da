"""Starts a worker process. Runs as a plain file, in any Python from 3.9 on, before anything of ours can be imported.

    python -u .../engine/runtime/__main__.py worker --channel-fd N
    python -u .../engine/runtime/__main__.py forkserver --channel-fd N

It mounts its own folder as the package `marina_runtime` and puts `handler_path/` in the place of its own folder on the
module path, ahead of any installed package named `ts`. Children that a handler starts with multiprocessing run this
file too, under another name, and inherit the module path from their parent: then it does nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import socket
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = "marina_runtime"


def mount() -> None:
    """Make this folder importable as `marina_runtime`, and `ts` from `handler_path/`; leave nothing else behind."""
    spec = importlib.util.spec_from_file_location(PACKAGE, HERE / "__init__.py", submodule_search_locations=[str(HERE)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{HERE} cannot be mounted as {PACKAGE}")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    sys.path[:] = [str(HERE / "handler_path"), *(entry for entry in sys.path if not _is_here(entry))]


def _is_here(entry: str) -> bool:
    return bool(entry) and Path(entry).resolve() == HERE


def _read_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PACKAGE, description="Runs the inside of one worker process.")
    parser.add_argument("command", choices=("worker", "forkserver"), help="answer batches, or fork those who do")
    parser.add_argument("--channel-fd", type=int, required=True, help="inherited socket to the engine")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the command that `arguments` name and return the process's exit code."""
    options = _read_arguments(arguments)
    mount()
    command = importlib.import_module(f"{PACKAGE}.{options.command}")
    exit_code: int = command.main(socket.socket(fileno=options.channel_fd))
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
