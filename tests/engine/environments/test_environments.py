"""Environments with a fake pip: made once, shared, removed with the last that needs them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.archives.manifest import Manifest
from engine.archives.model_config import ModelConfig
from engine.environments.environments import COMPLETE, GUARD_CHECK, KEPT, Environments
from engine.environments.locks import EnvironmentLocks
from engine.errors import InvalidArchiveError, RequirementsError, SettingsError
from engine.snapshots import Progress
from engine.tasks import TaskGroup
from engine.threads import Threads
from engine.unpacked import Unpacked
from engine.workers.launcher import Output
from tests.support.servers import make_settings

VARIABLES = {"PATH": "/bin", "PYTHONPATH": "/mine"}


@dataclass
class FakePip:
    """Runs nothing. `prints` are its lines; while `gate` is cleared it does not end."""

    code: int = 0
    prints: tuple[str, ...] = ("Collecting net",)
    commands: list[Sequence[str]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    variables: Mapping[str, str] = field(default_factory=dict)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def __call__(self, command: Sequence[str], folder: Path, variables: Mapping[str, str], output: Output) -> int:
        self.folders.append(folder)
        self.commands.append(command)
        self.variables = variables
        self.started.set()
        for line in self.prints:
            output("stdout", line)
        if "--target" in command:
            (Path(command[command.index("--target") + 1]) / "net.py").write_text("")
        await self.gate.wait()
        return self.code


def an_archive(folder: Path, name: str = "a", text: str | None = "net\n", **config: Any) -> Unpacked:
    """Return an unpacked archive; without `text` it asks for no packages. They go into a plain folder by default."""
    config.setdefault("use_venv", False)
    model = folder / name
    model.mkdir()
    if text is not None:
        (model / "requirements.txt").write_text(text)
    manifest = Manifest(requirements_file="" if text is None else "requirements.txt")
    return Unpacked(f"{name}.mar", 1, model, model, manifest, ModelConfig(**config))


Scenario = Callable[[Environments], Awaitable[None]]


def run(root: Path, pip: Any, scenario: Scenario, **settings: Any) -> None:
    """Let the scenario happen, with packages switched on."""

    async def main() -> None:
        threads = Threads("test", 2)
        chosen = make_settings(**{"install_py_dep_per_model": True, **settings})
        environments = Environments(root / "environments", root / "model_store", chosen, VARIABLES, threads, pip)
        await scenario(environments)
        await environments.close()
        threads.close()

    asyncio.run(main())


def made(root: Path) -> list[Path]:
    return sorted((root / "environments").glob("[!.]*"))


def test_an_archive_without_requirements_runs_on_marinas_python(tmp_path: Path) -> None:
    pip, archive = FakePip(), an_archive(tmp_path, text=None)

    async def scenario(environments: Environments) -> None:
        await environments.provide("net", archive, None)
        environment = environments.of(archive.scratch)
        assert (environment.python, environment.folder) == (sys.executable, None)
        assert environment.variables(VARIABLES) == VARIABLES
        await environments.release(archive.scratch)

    run(tmp_path, pip, scenario)
    assert (pip.commands, made(tmp_path)) == ([], [])


def test_requirements_are_left_alone_and_named_while_the_setting_is_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pip, archive = FakePip(), an_archive(tmp_path)

    async def scenario(environments: Environments) -> None:
        await environments.provide("net", archive, None)
        assert environments.of(archive.scratch).folder is None

    run(tmp_path, pip, scenario, install_py_dep_per_model=False)
    assert pip.commands == []
    (record,) = caplog.records
    assert "net: what its requirements.txt lists is not installed" in record.message
    assert "install_py_dep_per_model=true" in record.message


def test_packages_come_before_all_but_the_model_and_pip_is_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    pip, archive, steps = FakePip(), an_archive(tmp_path), list[Progress]()

    async def scenario(environments: Environments) -> None:
        await environments.provide("net", archive, steps.append)
        environment = environments.of(archive.scratch)
        assert environment.folder == made(tmp_path)[0]
        assert environment.variables(VARIABLES)["PYTHONPATH"] == f"{environment.folder}:/mine"
        assert environment.variables({})["PYTHONPATH"] == str(environment.folder)
        assert environment.module_path[0] == str(environment.folder)
        assert environment.python == sys.executable

    run(tmp_path, pip, scenario)
    assert steps == [Progress("environment", 0, 0, "Collecting net")]
    assert "packages of net: Collecting net" in caplog.messages
    assert (pip.variables["PYTHONSAFEPATH"], pip.folders) == ("1", [archive.folder])


def test_with_use_venv_workers_run_on_the_environments_own_python(tmp_path: Path) -> None:
    pip, archive = FakePip(), an_archive(tmp_path, use_venv=True)

    async def scenario(environments: Environments) -> None:
        await environments.provide("net", archive, None)
        environment = environments.of(archive.scratch)
        assert environment.folder is not None
        assert Path(environment.python).is_relative_to(environment.folder)
        assert environment.variables(VARIABLES) == VARIABLES

    run(tmp_path, pip, scenario)
    assert len(pip.commands) == 2


def test_versions_that_ask_for_the_same_share_and_the_last_one_removes(tmp_path: Path) -> None:
    pip = FakePip()
    one, two = an_archive(tmp_path, "one"), an_archive(tmp_path, "two")

    async def scenario(environments: Environments) -> None:
        await asyncio.gather(*(environments.provide(each.archive, each, None) for each in (one, two)))
        assert len(pip.commands) == 1
        await environments.release(one.scratch)
        assert len(made(tmp_path)) == 1
        await environments.release(two.scratch)
        await environments.release(two.scratch)

    run(tmp_path, pip, scenario)
    assert made(tmp_path) == []


def test_a_virtual_environment_is_the_default(tmp_path: Path) -> None:
    pip, archive = FakePip(), an_archive(tmp_path, use_venv=None)

    async def scenario(environments: Environments) -> None:
        await environments.provide("net", archive, None)
        assert environments.of(archive.scratch).first is None

    run(tmp_path, pip, scenario)
    assert [Path(command[1]).name for command in pip.commands] == ["make_venv.py", "-m"]


def test_a_restart_takes_what_is_there_and_keeps_the_rest_for_a_month(tmp_path: Path) -> None:
    pip, again = FakePip(), FakePip()
    kept, old, half = (an_archive(tmp_path, name, f"{name}\n") for name in ("kept", "old", "half"))
    folders: dict[str, Path] = {}

    async def before(environments: Environments) -> None:
        for archive in (kept, old, half):
            await environments.provide("net", archive, None)
            folder = environments.of(archive.scratch).folder
            assert folder is not None
            folders[archive.folder.name] = folder

    async def after(environments: Environments) -> None:
        await environments.sweep()

    run(tmp_path, pip, before)
    (folders["half"] / COMPLETE).unlink()
    run(tmp_path, again, after, install_py_dep_per_model=False)
    assert made(tmp_path) == sorted(folders.values())
    run(tmp_path, again, after)
    assert made(tmp_path) == sorted([folders["kept"], folders["old"]])
    os.utime(folders["old"] / COMPLETE, (0, time.time() - KEPT - 1))
    run(tmp_path, again, after)
    assert made(tmp_path) == [folders["kept"]]
    run(tmp_path, again, lambda environments: environments.provide("net", kept, None))
    assert again.commands == []


def test_what_another_process_uses_is_not_removed(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)

    async def scenario(environments: Environments) -> None:
        await environments.provide("net", archive, None)
        (folder,) = made(tmp_path)
        other = EnvironmentLocks(tmp_path / "environments")
        other.begin_use(folder.name)
        await environments.release(archive.scratch)
        (folder / COMPLETE).unlink()
        await environments.sweep()
        assert made(tmp_path) == [folder]
        other.close()
        await environments.sweep()
        assert made(tmp_path) == []

    run(tmp_path, FakePip(), scenario)


def test_one_process_at_a_time_makes_an_environment(tmp_path: Path) -> None:
    archive, pip = an_archive(tmp_path), FakePip()

    async def scenario(environments: Environments) -> None:
        await environments.provide("net", archive, None)
        (folder,) = made(tmp_path)
        await environments.release(archive.scratch)
        guard = EnvironmentLocks(tmp_path / "environments").guard(folder.name)
        guard.acquire()
        pip.started.clear()
        making = TaskGroup().start(environments.provide("net", archive, None), "make")
        await asyncio.wait([making], timeout=3 * GUARD_CHECK)
        assert not pip.started.is_set()
        guard.release()
        await making
        assert pip.started.is_set()

    run(tmp_path, pip, scenario)


def test_what_was_made_by_half_is_made_afresh(tmp_path: Path) -> None:
    pip, archive = FakePip(), an_archive(tmp_path)

    async def scenario(environments: Environments) -> None:
        await environments.provide("net", archive, None)

    run(tmp_path, pip, scenario)
    (folder,) = made(tmp_path)
    (folder / COMPLETE).unlink()
    (folder / "half.py").write_text("")
    run(tmp_path, pip, scenario)

    assert len(pip.commands) == 2
    assert sorted(entry.name for entry in folder.iterdir()) == [COMPLETE, "net.py"]


@pytest.mark.parametrize("use_venv", [False, True])
def test_a_failure_has_torchserves_text_and_pips_words_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, use_venv: bool
) -> None:
    pip, archive = FakePip(1, ("Looking", "ERROR: No matching distribution")), an_archive(tmp_path, use_venv=use_venv)

    async def scenario(environments: Environments) -> None:
        with pytest.raises(
            RequirementsError, match=r"^Custom pip package installation failed for model net$"
        ) as caught:
            await environments.provide("net", archive, None)
        assert caught.value.cause == "Looking\nERROR: No matching distribution"
        assert made(tmp_path) == []

    run(tmp_path, pip, scenario)
    assert "No matching distribution" in next(one.message for one in caplog.records if one.levelname == "ERROR")


def test_requirements_that_are_not_in_the_archive_fail_the_same_way(tmp_path: Path) -> None:
    archive = an_archive(tmp_path)
    (archive.folder / "requirements.txt").unlink()

    async def scenario(environments: Environments) -> None:
        with pytest.raises(RequirementsError) as caught:
            await environments.provide("net", archive, None)
        assert "requirements.txt" in caught.value.cause

    run(tmp_path, FakePip(), scenario)


def test_an_interpreter_that_cannot_be_started_fails_the_same_way(tmp_path: Path) -> None:
    async def vanished(*_: object) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    async def scenario(environments: Environments) -> None:
        with pytest.raises(RequirementsError) as caught:
            await environments.provide("net", an_archive(tmp_path), None)
        assert caught.value.cause == f"{sys.executable} cannot be started: No such file or directory"

    run(tmp_path, vanished, scenario)


def test_the_bundle_has_no_pip_and_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    pip = FakePip()

    async def scenario(environments: Environments) -> None:
        with pytest.raises(RequirementsError) as caught:
            await environments.provide("net", an_archive(tmp_path), None)
        assert caught.value.cause.startswith("Marina's own Python cannot install what its requirements.txt lists.")
        assert "worker_python" in caught.value.cause

    run(tmp_path, pip, scenario)
    assert pip.commands == []


def test_cancelling_leaves_nothing_and_whoever_waited_for_the_same_makes_it(tmp_path: Path) -> None:
    one, two = an_archive(tmp_path, "one"), an_archive(tmp_path, "two")

    async def scenario(environments: Environments) -> None:
        pip = environments._run
        assert isinstance(pip, FakePip)
        pip.gate.clear()
        tasks = TaskGroup()
        first = tasks.start(environments.provide("net", one, None), "first")
        await pip.started.wait()
        second = tasks.start(environments.provide("net", two, None), "second")
        first.cancel()
        await asyncio.wait([first])
        pip.gate.set()
        await second
        assert len(pip.commands) == 2
        assert [folder / COMPLETE for folder in made(tmp_path)] == [made(tmp_path)[0] / COMPLETE]
        pip.gate.clear()
        pip.started.clear()
        third = tasks.start(environments.provide("net", an_archive(tmp_path, "three", "other\n"), None), "three")
        await pip.started.wait()
        third.cancel()
        await asyncio.wait([third])
        assert len(made(tmp_path)) == 1

    run(tmp_path, FakePip(), scenario)


class FakePythons:
    """Interpreters at any path but /broken, each Python 3.10."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, command: Sequence[str], folder: Path, variables: Mapping[str, str], output: Output) -> int:
        del folder, variables
        self.asked.append(command[0])
        answer = {"version": [3, 10, 0], "module_path": ["/lib"], "torch": "", "cuda": False}
        for line in ("marina:", json.dumps(answer)):
            output("stdout", line)
        return 1 if command[0] == "/broken" else 0


def test_the_archives_own_choice_of_python_goes_before_the_setting(tmp_path: Path) -> None:
    pythons = FakePythons()
    python, other = str(tmp_path / "python"), str(tmp_path / "other")
    Path(python).touch()
    Path(other).touch()

    async def scenario(environments: Environments) -> None:
        for name, chosen in (("a", None), ("b", other), ("c", None)):
            archive = an_archive(tmp_path, name, None, worker_python=chosen)
            await environments.provide(name, archive, None)
            environment = environments.of(archive.scratch)
            assert (environment.python, environment.module_path) == (chosen or python, ("/lib",))

    run(tmp_path, pythons, scenario, worker_python=python)
    assert pythons.asked == [python, other]


def test_a_python_that_cannot_run_workers_is_named_with_the_way_out(tmp_path: Path) -> None:
    async def scenario(environments: Environments) -> None:
        with pytest.raises(SettingsError, match=r"^worker_python = '/broken' \(default\): it ended .* leave it out"):
            await environments.provide("a", an_archive(tmp_path, "a", None), None)
        with pytest.raises(InvalidArchiveError, match=r"^b.mar names /broken as workerPython, but it ended .* leave"):
            await environments.provide("b", an_archive(tmp_path, "b", None, worker_python="/broken"), None)

    run(tmp_path, FakePythons(), scenario, worker_python="/broken")
