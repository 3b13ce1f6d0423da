"""The scripts behind `make bundle`, and what its programs do before Marina begins; nothing here builds anything."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import plistlib
import runpy
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ROOT / "packaging" / "bundle"
WORKER = PARTS / "entry_worker.py"


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(PARTS))
    return importlib.import_module


@pytest.mark.parametrize(
    ("started_with", "becomes"),
    [
        ({"LD_LIBRARY_PATH": "/bundle", "_PYI_ARCHIVE_FILE": "x", "HOME": "/h"}, {"HOME": "/h"}),
        ({"LD_LIBRARY_PATH": "/bundle:/mine", "LD_LIBRARY_PATH_ORIG": "/mine"}, {"LD_LIBRARY_PATH": "/mine"}),
        ({"DYLD_LIBRARY_PATH": "/bundle", "_PYI_PARENT_PROCESS_LEVEL": "1"}, {}),
    ],
)
def test_programs_that_the_bundle_starts_get_the_environment_from_before(
    part: Callable[[str], ModuleType], started_with: dict[str, str], becomes: dict[str, str]
) -> None:
    part("runtime_hook").restore(started_with)
    assert started_with == becomes


@pytest.mark.parametrize(
    ("cafile", "filled", "named"), [(None, False, True), (None, True, False), ("/own.crt", False, False)]
)
def test_the_systems_certificates_are_named_where_openssl_looks_in_vain(
    part: Callable[[str], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cafile: Any,
    *,
    filled: bool,
    named: bool,
) -> None:
    hook, here = part("runtime_hook"), tmp_path / "here.crt"
    here.touch()
    (tmp_path / "certs").mkdir()
    if filled:
        (tmp_path / "certs" / "one.pem").touch()
    monkeypatch.setattr(hook, "CERTIFICATES", ("/nowhere.crt", str(here), __file__))
    paths = ssl.get_default_verify_paths()._replace(cafile=cafile, capath=str(tmp_path / "certs"))
    environ: dict[str, str] = {}
    hook.trust_as_here(environ, paths)
    assert environ == ({paths.openssl_cafile_env: str(here)} if named else {})


def test_a_program_without_a_console_has_somewhere_to_print(
    part: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    part("runtime_hook").give_streams()
    with sys.stdout, sys.stderr:
        assert sys.stdout.write("nobody reads it") == len("nobody reads it")


@pytest.mark.parametrize(
    ("line", "order"),
    [
        (["-u", "main.py", "worker", "-u"], ("", "main.py", ["worker", "-u"])),
        (["-B", "-S", "-I", "-c", "print()", "-m"], ("-c", "print()", ["-m"])),
        (["-X", "dev", "-W", "error", "-m", "json.tool", "x"], ("-m", "json.tool", ["x"])),
        (["-m"], None),
        (["-V"], None),
        ([], None),
    ],
)
def test_the_worker_program_reads_pythons_command_line(
    part: Callable[[str], ModuleType], line: list[str], order: tuple[str, str, list[str]] | None
) -> None:
    assert part("entry_worker").read(line) == order


def as_worker(*arguments: str, folder: Path = ROOT) -> str:
    command = [sys.executable, str(WORKER), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_worker_program_runs_a_file_beside_its_modules(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("WORD = 'found'")
    (tmp_path / "main.py").write_text("import beside, sys; print(__name__, beside.WORD, sys.argv[1:])")
    assert as_worker("-u", str(tmp_path / "main.py"), "-x") == "__main__ found ['-x']\n"


def test_the_worker_program_runs_code_and_modules() -> None:
    assert as_worker("-c", "import sys; x = 2\nprint([x for _ in sys.argv], __name__)", "a") == "[2, 2] __main__\n"
    assert "--sort-keys" in as_worker("-m", "json.tool", "--help")


def test_the_worker_program_says_what_it_can_do() -> None:
    refused = subprocess.run([sys.executable, str(WORKER)], capture_output=True, text=True, check=False, timeout=60)
    assert (refused.returncode, refused.stderr.partition(" ")[0]) == (2, "usage:")


@pytest.mark.parametrize("entry", ["entry_window.py", "entry_server.py"])
def test_a_process_of_multiprocessing_gets_no_further(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave() -> None:
        raise SystemExit(0)

    monkeypatch.setattr(multiprocessing, "freeze_support", leave)
    monkeypatch.setitem(sys.modules, "gui.__main__", None)
    monkeypatch.setitem(sys.modules, "engine.__main__", None)
    with pytest.raises(SystemExit):
        runpy.run_path(str(PARTS / entry))


def test_handlers_find_the_standard_library_without_what_needs_a_screen_or_tests(
    part: Callable[[str], ModuleType],
) -> None:
    names = set(part("contents").standard_library())
    assert {"csv", "json.tool", "sqlite3", "_sqlite3", "xml.etree.ElementTree", "zoneinfo", "wave", "ctypes"} <= names
    assert not [name for name in names if name.partition(".")[0] in {"test", "tkinter", "idlelib", "lib2to3", "pip"}]


def test_the_runtime_travels_as_plain_source_with_all_that_marina_reads(part: Callable[[str], ModuleType]) -> None:
    data = part("contents").data_files(ROOT)
    places = {f"{folder}/{Path(source).name}" for source, folder in data}
    sources = ROOT.glob("engine/runtime/**/*.py")
    assert places >= {path.relative_to(ROOT).as_posix() for path in sources}
    assert places >= {"engine/rpc/protos/interface.binpb", "engine/metrics/metrics.yaml", "resources/sample/digits.mar"}


@pytest.mark.parametrize(
    ("place", "stays"),
    [
        ("PySide6/Qt/lib/libQt6Widgets.so.6", True),
        ("PySide6/Qt/lib/libQt6Quick.so.6", False),
        ("libQt6Qml.so.6", False),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/translations/qtbase_de.qm", False),
        ("botocore/data/s3/2006-03-01/service-2.json.gz", True),
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", False),
        ("botocore/data/endpoints.json", True),
        ("torch/bin/torch_shm_manager", True),
        ("torch/bin/protoc", False),
        ("torch/lib/libtorch_cpu.so", True),
        ("torch/include/c10/core/Device.h", False),
    ],
)
def test_what_nothing_uses_stays_out(part: Callable[[str], ModuleType], place: str, *, stays: bool) -> None:
    entry = (place, f"/somewhere/{place}", "BINARY")
    assert part("contents").kept([entry]) == ([entry] if stays else [])


def test_the_parts_are_weighed_and_links_are_not(part: Callable[[str], ModuleType], tmp_path: Path) -> None:
    torch = tmp_path / "_internal" / "torch" / "lib"
    torch.mkdir(parents=True)
    (torch / "libtorch.so").write_bytes(b"x" * 3_000_000)
    (tmp_path / "_internal" / "libtorch.so").symlink_to(torch / "libtorch.so")
    (tmp_path / "_internal" / "libz.so").write_bytes(b"x" * 1_000_000)
    (tmp_path / "marina").write_bytes(b"x" * 2_000_000)
    sizes = part("sizes")
    weights = sizes.weigh(tmp_path)
    assert weights == {"torch": 3_000_000, sizes.PROGRAMS: 2_000_000, sizes.REST: 1_000_000}
    assert sizes.table(weights).splitlines()[-1].split() == ["6.0", "MB", "the", "whole"]


def test_macos_is_told_of_archives_and_windows_of_the_version(part: Callable[[str], ModuleType]) -> None:
    identity = part("identity")
    properties = plistlib.loads(plistlib.dumps(identity.macos_properties("1.2.3")))
    assert properties["CFBundleDocumentTypes"][0]["CFBundleTypeExtensions"] == ["mar"]
    assert json.dumps(properties).count("1.2.3") == 2
    resource = identity.windows_version("1.2.3", "marina")
    compile(resource, "version", "eval")
    assert "(1, 2, 3, 0)" in resource
    assert "marina.exe" in resource


def test_a_failed_build_names_the_log(
    part: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build = part("build")
    monkeypatch.setattr(build.programs, "main", lambda *_: 0)
    monkeypatch.setattr(build.environment, "main", lambda *_, **__: 0)
    monkeypatch.setattr(build, "collect", lambda: 1)
    assert build.main() == 1
    assert capsys.readouterr().err.rstrip().endswith("is in build/bundle.log.")


def test_libraries_that_auditwheel_changed_are_not_stripped(
    part: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for place in ("torch/lib/libtorch.so", "numpy.libs/libblas-1a.so.3", "libz.so.1"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    (tmp_path / "libtorch.so").symlink_to(tmp_path / "torch" / "lib" / "libtorch.so")
    commands: list[list[str]] = []
    build = part("build")
    monkeypatch.setattr(build.subprocess, "run", lambda command, **_: commands.append(command))
    build.strip(tmp_path)
    (command,) = commands
    assert command[0] == "strip"
    assert sorted(command[1:]) == [str(tmp_path / "libz.so.1"), str(tmp_path / "torch" / "lib" / "libtorch.so")]
