from __future__ import annotations

import asyncio
import os
import platform
import sys
from typing import TYPE_CHECKING

import pytest

from gui.settings.python_check import UnfitPythonError, check

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gui.fakes import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs made of text")


def program(folder: Path, text: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_this_python_is_told_with_its_torch(run: Run) -> None:
    told = run(check(sys.executable))
    assert f"Python {platform.python_version()}, torch " in told


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("""echo '{"version": [3, 8, 1], "torch": "2"}'""", "too old"),
        ("""echo '{"version": [3, 12, 1], "error": "ModuleNotFoundError: torch"}'""", "ModuleNotFoundError: torch"),
        ("echo boom >&2; exit 1", "boom"),
        ("echo []", "no Python"),
        ("exit 0", "it said nothing"),
    ],
)
def test_an_unfit_program_is_told_with_the_reason(run: Run, tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(UnfitPythonError, match=reason):
        run(check(program(tmp_path, text)))


def test_a_program_that_is_not_there_is_told(run: Run) -> None:
    with pytest.raises(UnfitPythonError, match="cannot be started"):
        run(check("/nowhere/python"))


def test_who_waits_no_longer_leaves_no_process(run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "pid"

    async def body() -> None:
        checking = asyncio.get_running_loop().create_task(check(program(tmp_path, f"echo $$ > {mark}; exec sleep 60")))
        async with asyncio.timeout(10):
            while not (mark.exists() and mark.read_text(encoding="ascii").strip()):  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.01)
        checking.cancel()
        await asyncio.wait([checking])
        with pytest.raises(ProcessLookupError):
            os.kill(int(mark.read_text(encoding="ascii")), 0)

    run(body())
