"""The sdist, and the wheel built out of it, installed where nothing is but what they declare."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from engine import VERSION
from tests.support.server_process import PATIENCE, ask, wait_for

pytestmark = [pytest.mark.bundle, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
NOT_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "interface.binpb")
CONFIGURATION = """
inference_address=http://127.0.0.1:{inference}
management_address=http://127.0.0.1:{management}
metrics_address=http://127.0.0.1:{metrics}
grpc_inference_port=0
grpc_management_port=0
load_models=digits.mar
"""


@dataclass(frozen=True)
class Built:
    """What `python -m build` made."""

    sdist: Path
    wheel: Path

    def in_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def in_sdist(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}


@dataclass(frozen=True)
class Installed:
    """A virtual environment that has Marina's wheel and what it declares."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def environ(self, home: Path) -> dict[str, str]:
        hidden = ("PYTHON", "VIRTUAL_ENV", "TS_", "MARINA_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        return {**kept, "MARINA_HOME": str(home / "home"), "QT_QPA_PLATFORM": "offscreen"}

    def output(self, home: Path, *command: str | Path) -> str:
        return subprocess.run(
            command, cwd=home, env=self.environ(home), capture_output=True, text=True, check=True
        ).stdout.strip()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built in a copy of the sources without git, by a build of its own."""
    folder = tmp_path_factory.mktemp("build")
    shutil.copytree(ROOT, folder / "source", ignore=NOT_SOURCE)
    venv.create(folder / "tools", with_pip=True)
    python = folder / "tools" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "build"], check=True)
    subprocess.run([python, "-m", "build", "--outdir", folder / "dist", folder / "source"], check=True)
    (sdist,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A clean environment, with links to this one's packages in place of hours of downloads."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, symlinks=True)
    environment = Installed(folder)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", environment.python]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", built.wheel], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    link_requirements(Distribution.at(next(site.glob("marina_desktop-*.dist-info"))), site, set())
    subprocess.run([*pip, "check"], check=True)
    return environment


def link_requirements(package: Distribution, site: Path, seen: set[str]) -> None:
    """Link what a package requires, and what that requires, into an environment."""
    for requirement in map(Requirement, package.requires or []):
        if (requirement.marker is None or requirement.marker.evaluate({"extra": ""})) and requirement.name not in seen:
            seen.add(requirement.name)
            required = distribution(requirement.name)
            link(required, site)
            link_requirements(required, site, seen)


def link(package: Distribution, site: Path) -> None:
    """Link a package's folders, or single files where several packages share a folder."""
    source = Path(str(package.locate_file("")))
    for place in {top(source, Path(file)) for file in package.files or [] if ".." not in file.parts}:
        target = site / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.symlink_to(source / place)


def top(source: Path, file: Path) -> Path:
    """Return the outermost folder around a file that is a package of Python, else the file."""
    around = [folder for folder in file.parents if (source / folder / "__init__.py").is_file()]
    return around[-1] if around else file


@contextlib.contextmanager
def started(environment: Installed, home: Path, *command: str | Path) -> Iterator[str]:
    """Run a program of Marina until SIGTERM, which has to end it well; gives the address for predictions."""
    inference, management, metrics = free_ports(3)
    configuration = CONFIGURATION.format(inference=inference, management=management, metrics=metrics)
    (home / "config.properties").write_text(configuration, encoding="utf-8")
    shutil.copytree(ROOT / "resources" / "sample", home / "store")
    with subprocess.Popen(
        [*command, "--ts-config", "config.properties", "--model-store", home / "store"],
        cwd=home,
        env=environment.environ(home),
    ) as process:
        try:
            address = f"http://127.0.0.1:{inference}"
            wait_for(lambda: process.poll() is not None or is_healthy(address))
            yield address
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def free_ports(count: int) -> list[int]:
    """The window names its ports nowhere but on the screen, so they are chosen for it."""
    with contextlib.ExitStack() as open_ones:
        sockets = [open_ones.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def is_healthy(address: str) -> bool:
    with contextlib.suppress(OSError):
        return "Healthy" in ask("GET", f"{address}/ping")
    return False


def test_the_wheel_has_what_marina_reads_at_run_time(built: Built) -> None:
    runtime = {path.relative_to(ROOT).as_posix() for path in (ROOT / "engine" / "runtime").rglob("*.py")}
    assert built.in_wheel() >= runtime | {
        "engine/metrics/metrics.yaml",
        "engine/py.typed",
        "engine/rpc/protos/interface.binpb",
        "gui/py.typed",
        "resources/icons/marina.svg",
        "resources/sample/digits.mar",
        "resources/sample/seven.png",
        f"marina_desktop-{VERSION}.dist-info/licenses/LICENSE",
    }
    drawn = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gui").rglob("*.svg")}
    assert built.in_wheel() >= drawn


def test_the_wheel_has_nothing_else(built: Built) -> None:
    tops = {name.partition("/")[0] for name in built.in_wheel()}
    assert tops == {"engine", "gui", "resources", f"marina_desktop-{VERSION}.dist-info"}
    assert not [name for name in built.in_wheel() if "tests" in name.split("/")]


def test_the_sdist_has_what_the_build_needs(built: Built) -> None:
    assert built.in_sdist() >= {
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "setup.py",
        "engine/rpc/protos/inference.proto",
    }


def test_marina_comes_out_of_the_wheel(installed: Installed, tmp_path: Path) -> None:
    where = installed.output(
        tmp_path, installed.python, "-c", "import engine, gui; print(engine.__file__, gui.__file__)"
    )
    assert where.count(str(installed.folder)) == 2


@pytest.mark.parametrize("program", ["marina", "marina-server"])
def test_the_version_is_told(installed: Installed, tmp_path: Path, program: str) -> None:
    assert installed.output(tmp_path, installed.folder / "bin" / program, "--version") == f"Marina {VERSION}"


@pytest.mark.parametrize("command", [["bin/marina-server"], ["bin/marina"], ["bin/python", "-m", "gui"]])
def test_each_program_starts_serves_and_ends(installed: Installed, tmp_path: Path, command: list[str]) -> None:
    with started(installed, tmp_path, installed.folder / command[0], *command[1:]) as address:
        image = (ROOT / "resources" / "sample" / "seven.png").read_bytes()
        assert json.loads(ask("POST", f"{address}/predictions/digits", image))["digit"] == 7
