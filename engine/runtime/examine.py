"""Says what this interpreter is. Runs as a plain file in a process of its own; a Python too old for workers can, too.

The answer is JSON, one value a line, after a line "marina:".
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def facts() -> dict[str, Any]:
    """Return version, module path, and of torch the version (empty when it cannot be imported) and whether it has CUDA.

    This file's own folder is no part of the module path, and nothing is imported from there.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != HERE]
    return {"version": sys.version_info[:3], "module_path": sys.path, **torch_facts()}


def torch_facts() -> dict[str, Any]:
    """Import torch and ask it."""
    try:
        import torch  # noqa: PLC0415 - an optional package of the interpreter that is asked

        return {"torch": str(torch.__version__), "cuda": bool(torch.cuda.is_available())}
    except Exception as error:  # noqa: BLE001 - a broken torch must not hide the rest
        print(f"torch: {error!r}", file=sys.stderr)  # noqa: T201 - a program's output
        return {"torch": "", "cuda": False}


if __name__ == "__main__":
    answer = json.dumps(facts(), indent=0)
    print("marina:", answer, sep="\n", flush=True)  # noqa: T201 - a program's output
