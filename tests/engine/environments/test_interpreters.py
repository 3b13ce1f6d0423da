"""Interpreters for workers: what they say about themselves, and why some cannot be used."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.environments import interpreters
from engine.environments.interpreters import Interpreter, examine, open_to_others, own_interpreter
from engine.environments.processes import run_process
from engine.workers.launcher import Output

ANSWER = {"version": [3, 10, 4], "module_path": ["/lib"], "torch": "2.4.0", "cuda": True}


def says(*lines: str, code: int = 0, error: str = "") -> Callable[..., Any]:
    """Return a run in which the interpreter prints these lines."""

    async def run(command: Sequence[str], folder: Path, variables: Mapping[str, str], output: Output) -> int:
        del command, folder, variables
        for line in lines:
            output("stdout", line)
        if error:
            output("stderr", error)
        return code

    return run


def asked(run: Callable[..., Any], path: str = "/opt/python") -> Interpreter:
    return asyncio.run(examine(path, {}, run))


def test_an_interpreter_tells_version_modules_and_torch() -> None:
    noise_first = says("warming up", "marina:", *json.dumps(ANSWER, indent=0).splitlines())

    found = asked(noise_first)

    assert found == Interpreter("/opt/python", (3, 10, 4), ("/lib",), "2.4.0", cuda=True)
    assert str(found) == "/opt/python: Python 3.10.4, torch 2.4.0 with CUDA"
    assert str(Interpreter("/p", (3, 9, 0), ())) == "/p: Python 3.9.0, no torch"


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (says("marina:", json.dumps({**ANSWER, "version": [3, 8, 18]})), "it is Python 3.8, and workers need 3.9"),
        (says("hello"), "it does not answer as a Python does"),
        (says("marina:", "{"), "it does not answer as a Python does"),
        (says(code=1, error="Fatal Python error"), "it ended with code 1: Fatal Python error"),
        (says(code=-9), "it ended with code -9"),
    ],
)
def test_one_that_cannot_run_workers_is_told_with_the_reason(run: Callable[..., Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        asked(run)


def test_one_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "PATIENCE", 0.0)

    async def hangs(*_: object) -> int:
        return int(await asyncio.get_running_loop().create_future())

    with pytest.raises(ValueError, match="did not answer"):
        asked(hangs)


def test_one_must_be_named_by_its_whole_path() -> None:
    with pytest.raises(ValueError, match="no absolute path"):
        asked(says(), "python3")


def test_one_that_is_not_there_is_told_by_the_system(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be started: No such file"):
        asked(run_process, str(tmp_path / "python"))


@pytest.mark.end_to_end
def test_a_real_one_answers(tmp_path: Path) -> None:
    venv.EnvBuilder(symlinks=os.name != "nt").create(tmp_path)  # without packages, so without torch

    found = asked(run_process, str(tmp_path / "bin" / "python"))

    assert (found.version, found.torch, found.cuda) == (sys.version_info[:3], "", False)
    assert any(entry.startswith(str(tmp_path)) for entry in found.module_path)
    assert not any("runtime" in entry for entry in found.module_path)


def test_marinas_own_needs_no_asking() -> None:
    assert own_interpreter() == Interpreter(sys.executable, sys.version_info[:3], tuple(sys.path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_program_that_everybody_can_change_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(b"")
    (tmp_path / "python").chmod(0o755)
    assert not open_to_others(tmp_path / "python")

    (tmp_path / "python").chmod(0o777)
    assert open_to_others(tmp_path / "python")
    (tmp_path / "python").chmod(0o755)
    tmp_path.chmod(0o777)
    assert open_to_others(tmp_path / "python")
    tmp_path.chmod(0o1777)
    assert not open_to_others(tmp_path / "python")
