"""SIGKILL at any moment: whatever was acknowledged is there after the next start, and nothing else is left.

MARINA_CRASHES says how often `marina-server` is killed; `make crash` does so 200 times.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.home import Home
from tests.support.archives import archive
from tests.support.server_process import CONFIGURATION, Process, alive, ask, server, wait_for
from tests.support.servers import make_home

CRASHES = int(os.environ.get("MARINA_CRASHES", "5"))
SEED = int(os.environ.get("MARINA_SEED", "1"))
# Between the first call after a start and the kill, in seconds.
LONGEST_LIFE = 0.4
NAMES, VERSIONS = ("a", "b", "c"), ("1.0", "2.0")
# Workers import nothing, and so are quick to start; the fork server, which imports torch, is not.
FAST = CONFIGURATION + "fork_server=false\n"


class Call(NamedTuple):
    """A call that changes something, and what it makes of the models."""

    method: str
    path: str
    change: Callable[[Models], None]


@dataclass
class Models:
    """What should be there: the number of workers by name and version, and the default versions."""

    workers: dict[tuple[str, str], int] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Models:
        return Models(dict(self.workers), dict(self.defaults))

    def register(self, name: str, version: str, workers: int) -> None:
        self.workers[name, version] = workers
        self.defaults.setdefault(name, version)

    def remove(self, name: str, version: str) -> None:
        del self.workers[name, version]
        if self.defaults[name] == version:
            del self.defaults[name]

    def next_call(self, choose: random.Random) -> Call:
        """Return a call that will be accepted."""
        name, version = choose.choice(NAMES), choose.choice(VERSIONS)
        workers = choose.choice((0, 0, 1))
        path = f"/models/{name}/{version}"
        if (name, version) not in self.workers:
            query = (
                f"?url={name}-{version}.mar&initial_workers={workers}&synchronous={choose.choice(('true', 'false'))}"
            )
            return Call("POST", f"/models{query}", lambda models: models.register(name, version, workers))
        act = choose.choice(("scale", "default", "remove"))
        if act == "scale":
            return Call("PUT", f"{path}?min_worker={workers}", lambda models: models.register(name, version, workers))
        if act == "default":
            return Call("PUT", f"{path}/set-default", lambda models: models.defaults.update({name: version}))
        if self.defaults[name] == version and sum(one == name for one, _ in self.workers) > 1:
            return self.next_call(choose)
        return Call("DELETE", path, lambda models: models.remove(name, version))


def found(process: Process) -> Models:
    """Ask a server what is there."""
    models = Models()
    for listed in json.loads(ask("GET", f"{process.management}/models"))["models"]:
        name = listed["modelName"]
        for one in json.loads(ask("GET", f"{process.management}/models/{name}/all")):
            models.workers[name, one["modelVersion"]] = one["minWorkers"]
        models.defaults[name] = json.loads(ask("GET", f"{process.management}/models/{name}"))[0]["modelVersion"]
    return models


def make_store(home: Home) -> list[str]:
    for name in NAMES:
        for version in VERSIONS:
            archive(home.model_store, name, version)
    return sorted(path.name for path in home.model_store.iterdir())


def call_until_killed(process: Process, models: Models, choose: random.Random) -> tuple[Models, Models]:
    """Change models until the server is gone; returns what was acknowledged, and that with the call in the air."""
    killer = threading.Timer(choose.uniform(0, LONGEST_LIFE), process.process.kill)
    killer.start()
    try:
        while True:
            call = models.next_call(choose)
            after = models.copy()
            call.change(after)
            try:
                ask(call.method, process.management + call.path)
            except urllib.error.HTTPError as error:
                raise AssertionError(f"{call} was refused: {error.read().decode()}") from None
            except OSError:
                return models, after
            models = after
    finally:
        killer.join()


def left_over(home: Home, store: list[str]) -> list[str]:
    """Return what a server that runs has no use for."""
    strangers = [path.name for path in home.model_store.iterdir() if path.name not in store]
    folders = [path.name for path in home.unpacked.iterdir() if path.is_dir()]
    return strangers + folders[1:]


def test_what_was_acknowledged_survives_any_kill(tmp_path: Path) -> None:
    choose = random.Random(SEED)
    home = make_home(tmp_path)
    store = make_store(home)
    (tmp_path / "config.properties").write_text(FAST, encoding="utf-8")
    sure, maybe = Models(), Models()
    done = 0
    for number in range(CRASHES + 1):
        with server(tmp_path) as process:
            there = found(process)
            assert there in (sure, maybe), f"seed {SEED}, crash {number}: {there} is neither {sure} nor {maybe}"
            assert left_over(home, store) == []
            below = process.below()
            sure, maybe = call_until_killed(process, there, choose)
            done += sure != there
            process.process.wait()
        wait_for(lambda processes=below: not alive(processes), 2)  # type: ignore[misc]
    assert done > CRASHES / 4, "the kills came before anything was done"
    print(f"\n{CRASHES} kills, no difference")  # noqa: T201 - `make crash` shows it


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Put a disk of so many bytes at the folder, which takes a user who may mount."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "marina", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only a user who may mount can have a disk that is full")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount here")
def test_on_a_full_disk_what_is_refused_is_not_there_and_what_is_acknowledged_is(tmp_path: Path) -> None:
    choose = random.Random(SEED)
    (tmp_path / "home").mkdir()
    with small_disk(tmp_path / "home", "6m"):
        home = make_home(tmp_path)
        store = make_store(home)
        (tmp_path / "config.properties").write_text(FAST, encoding="utf-8")
        with server(tmp_path) as process:
            models = Models()
            refused = 0
            with (home.model_store.parent / "filler").open("wb") as filler:
                for _ in range(60):
                    fill(filler)
                    call = models.next_call(choose)
                    if is_accepted(process, call):
                        call.change(models)
                    else:
                        refused += 1
                    assert found(process) == models
            assert refused, "the disk never was full"
            process.end(signal.SIGKILL)
        (home.model_store.parent / "filler").unlink()
        with server(tmp_path) as process:
            assert found(process) == models
            assert left_over(home, store) == []
            process.end(signal.SIGTERM)


def is_accepted(process: Process, call: Call) -> bool:
    try:
        ask(call.method, process.management + call.path)
    except urllib.error.HTTPError as error:
        if error.code < 400 or error.code == 404:
            raise
        return False
    return True


def fill(file: object) -> None:
    """Write until nothing fits."""
    with contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))  # type: ignore[attr-defined]
