"""The bundle in `dist/marina`, used by somebody who has no Python: an empty home, an empty PATH, another folder."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.archives.packing import pack
from tests.support.archives import NOOP, archive
from tests.support.bundled import (
    BUNDLE,
    PATIENCE,
    SAMPLE,
    libraries,
    of_bundle,
    press,
    press_until,
    running,
    screen,
    windows,
)
from tests.support.server_process import ask, wait_for

pytestmark = [
    pytest.mark.bundle,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not BUNDLE.is_dir(), reason="there is no bundle in dist/; `make bundle` makes one"),
]

SEVEN = (SAMPLE / "seven.png").read_bytes()
STARTS = 5
# What a handler sees of its process, and what a program that it starts sees.
LOOK_AROUND = """
import json, os, subprocess, sys
import torch

def handle(data, context):
    if data is None:
        return None
    child = subprocess.run(["/usr/bin/env"], capture_output=True, text=True, check=True).stdout
    mine = [name for name in os.environ if name.startswith(("LD_", "_PYI", "QT_", "QML"))]
    return [{"python": sys.executable, "torch": torch.__version__, "mine": mine,
             "child": [line for line in child.splitlines() if line.startswith(("LD_", "_PYI", "QT_", "QML"))]}]
"""
IMPORTS = """
import bz2, csv, ctypes, curses, decimal, email.mime.text, html.parser, lzma, multiprocessing.pool, sqlite3, ssl
import unittest.mock, wave, xml.etree.ElementTree, xmlrpc.client, zoneinfo
import numpy.fft, torch.nn.functional, yaml
from importlib.metadata import version
from PIL import Image, ImageDraw

@torch.jit.script
def twice(x):
    return x * 2

def square(x):
    return x * x

def handle(data, context):
    if data is None:
        return None
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return [[*pool.map(square, [2, 3]), twice(torch.tensor(4)).item(), version("torch") == torch.__version__]]
"""
LACKS = "import transformers_of_nowhere.models\ndef handle(data, context): return data"


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with screen() as name:
        yield name


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A model store with the sample and a few handlers."""
    folder = tmp_path / "store"
    folder.mkdir()
    shutil.copy(SAMPLE / "digits.mar", folder)
    for name, source in {"look": LOOK_AROUND, "imports": IMPORTS, "lacks": LACKS}.items():
        archive(folder, name, source=source)
    files: dict[str, Path | bytes] = {"service.py": NOOP.encode(), "requirements.txt": b"six\n"}
    pack(
        folder / "asks.mar", model_name="asks", handler="service.py", files=files, requirements_file="requirements.txt"
    )
    return folder


def test_an_archive_opened_with_the_window_is_registered_by_its_dialog(tmp_path: Path, display: str) -> None:
    file = tmp_path / "my digits.mar"
    shutil.copy(SAMPLE / "digits.mar", file)
    with running("marina", tmp_path / "window", str(file), display=display) as marina:
        marina.healthy()
        wait_for(lambda: bool(windows(display, "Register model")), PATIENCE)
        models = f"{marina.management}/models"
        assert json.loads(ask("GET", models))["models"] == []
        press_until(display, "Register model", "Return", lambda: bool(json.loads(ask("GET", models))["models"]))
        wait_for(lambda: is_ready(f"{models}/digits"), PATIENCE)
        assert "7" in marina.predict("digits", SEVEN)
        assert_no_qt(marina.home)
        wait_for(lambda: not windows(display, "Register model"), PATIENCE)
        marina.again(str(file))
        wait_for(lambda: bool(windows(display, "Register model")), PATIENCE)
        press_until(display, "Register model", "Escape", lambda: not windows(display, "Register model"))
        press(display, "Marina", "ctrl+q")
        assert marina.process.wait(PATIENCE) == 0
        assert marina.left() == []


def test_the_server_and_the_window_run_side_by_side(tmp_path: Path, store: Path, display: str) -> None:
    with (
        running("marina", tmp_path / "window", display=display) as window,
        running("marina-server", tmp_path / "server", model_store=str(store)) as server,
    ):
        window.healthy()
        server.healthy()
        server.register("digits.mar")
        assert "7" in server.predict("digits", SEVEN)
        assert_no_qt(server.home)
        assert "grpc" in libraries(server.process)
        server.quit()
        assert server.left() == []
        assert window.process.is_running()
        window.quit()
        assert window.left() == []


@pytest.mark.parametrize("fork_server", ["true", "false"])
def test_handlers_and_what_they_start_see_nothing_of_the_bundle(tmp_path: Path, store: Path, fork_server: str) -> None:
    with running("marina-server", tmp_path / "server", model_store=str(store), fork_server=fork_server) as server:
        server.healthy()
        server.register("look-1.0.mar")
        seen = json.loads(server.predict("look", b""))
        assert seen["python"] == str(BUNDLE / "marina-worker")
        assert (seen["mine"], seen["child"]) == ([], [])
        server.quit()
        assert server.left() == []


def test_handlers_find_the_standard_library_and_torch_whole(tmp_path: Path, store: Path) -> None:
    with running("marina-server", tmp_path / "server", model_store=str(store)) as server:
        server.healthy()
        server.register("imports-1.0.mar")
        assert json.loads(server.predict("imports", b"")) == [4, 9, 8, True]


def test_what_the_bundle_lacks_is_named_with_the_way_out(tmp_path: Path, store: Path) -> None:
    settings = {"model_store": str(store), "install_py_dep_per_model": "true", "maxRetryTimeoutInSec": "1"}
    with running("marina-server", tmp_path / "server", **settings) as server:
        server.healthy()
        with pytest.raises(urllib.error.HTTPError) as refused:
            server.register("lacks-1.0.mar")
        told = refused.value.read().decode() + server.printed.read_text()
        assert "No module named 'transformers_of_nowhere'" in told
        assert "choose a Python for workers that has it, with worker_python" in told
        with pytest.raises(urllib.error.HTTPError):
            server.register("asks.mar")
        assert "Marina's own Python cannot install what its requirements.txt lists." in server.printed.read_text()


def test_a_python_for_workers_is_one_from_outside_with_nothing_of_the_bundle(tmp_path: Path, store: Path) -> None:
    settings = {"model_store": str(store), "worker_python": sys.executable}
    with running("marina-server", tmp_path / "server", **settings) as server:
        server.healthy()
        server.register("look-1.0.mar")
        seen = json.loads(server.predict("look", b""))
        assert (seen["python"], seen["mine"], seen["child"]) == (sys.executable, [], [])
        workers = [process for process in server.below() if str(BUNDLE) not in process.exe()]
        assert workers
        assert not [one for one in workers if str(BUNDLE) in libraries(one)]


@pytest.mark.parametrize("name", ["marina-server", "marina"])
def test_it_starts_fast(tmp_path: Path, display: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = []
    for start in range(STARTS):
        with running(name, tmp_path / str(start), display=display) as program:
            seconds.append(program.healthy())
            program.quit()
    median = statistics.median(seconds)
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: first ping {median:.2f} s after its start, the median of {STARTS}\n")
    assert median < PATIENCE / 6


def is_ready(url: str) -> bool:
    (version,) = json.loads(ask("GET", url))
    return any(worker["status"] == "READY" for worker in version["workers"])


def assert_no_qt(home: Path) -> None:
    workers = [process for process in of_bundle(home) if process.exe() == str(BUNDLE / "marina-worker")]
    assert workers
    assert not [process for process in workers if "libQt6" in libraries(process)]
