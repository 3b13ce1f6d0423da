"""Asks an interpreter whether workers can run on it: its version, torch and CUDA. A process of its own, on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import json

from engine.deadlines import time_limit
from gui.words import tr

SECONDS = 60
OLDEST = (3, 9)
QUESTION = """
import json, sys
found = {"version": list(sys.version_info[:3])}
try:
    import torch
    found["torch"] = torch.__version__
    found["cuda"] = torch.version.cuda if torch.cuda.is_available() else None
except Exception as error:
    found["error"] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""


class UnfitPythonError(Exception):
    """No worker can run on this interpreter; the text says why."""


async def check(program: str) -> str:
    """Run the interpreter and say in words what it has; raises `UnfitPythonError`."""
    try:
        process = await asyncio.create_subprocess_exec(
            program, "-c", QUESTION, stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-1
        )
    except OSError as error:
        reason = tr("{program} cannot be started: {reason}.")
        raise UnfitPythonError(reason.format(program=program, reason=error.strerror)) from error
    try:
        async with time_limit(SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        raise UnfitPythonError(tr("{program} did not answer in time.").format(program=program)) from None
    finally:
        await _end(process)
    return _told(program, out, err)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _told(program: str, out: bytes, err: bytes) -> str:
    try:
        found = json.loads(out.decode(errors="replace").strip().rpartition("\n")[2])
        version = tuple(found["version"])
    except (ValueError, KeyError, TypeError):
        last = err.decode(errors="replace").strip().rpartition("\n")[2]
        text = tr("{program} is no Python that can be used: {reason}")
        raise UnfitPythonError(text.format(program=program, reason=last or tr("it said nothing."))) from None
    python = ".".join(str(part) for part in version)
    if version < OLDEST:
        raise UnfitPythonError(tr("Python {version} is too old: workers need 3.9.").format(version=python))
    if "error" in found:
        text = tr("Python {version} has no torch that can be used: {reason}")
        raise UnfitPythonError(text.format(version=python, reason=found["error"]))
    cuda = tr("CUDA {version}").format(version=found["cuda"]) if found["cuda"] else tr("no CUDA")
    return tr("Python {python}, torch {torch}, {cuda}").format(python=python, torch=found["torch"], cuda=cuda)
