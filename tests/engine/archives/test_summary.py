"""Looking at an archive without unpacking it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from engine.archives.manifest import Manifest
from engine.archives.summary import inspect, read_manifest
from engine.errors import CancelledActError, InvalidArchiveError
from engine.snapshots import ArchiveSummary, Progress

Maker = Callable[..., Path]

MANIFEST = json.dumps(
    {"runtime": "python", "model": {"modelName": "m", "modelVersion": "2", "handler": "h.py", "description": "a cat"}}
).encode()
FILES = (("h.py", b"raise SystemExit"), ("MAR-INF/MANIFEST.json", MANIFEST), ("folder/data", b"123"))


def test_a_mar_tells_its_name_files_size_and_digest(make_zip: Maker, tmp_path: Path) -> None:
    archive = make_zip(*FILES)

    assert inspect(archive) == ArchiveSummary(
        file_name="x.mar",
        size=archive.stat().st_size,
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        model_name="m",
        version="2",
        handler="h.py",
        runtime="python",
        description="a cat",
        files=("MAR-INF/MANIFEST.json", "folder/data", "h.py"),
    )
    assert list(tmp_path.iterdir()) == [archive]


CONFIGURED = json.dumps({"model": {"modelName": "m", "handler": "h.py", "configFile": "model-config.yaml"}}).encode()


@pytest.mark.parametrize(
    ("config", "problems"),
    [
        (b"minWorkers: 1", ()),
        (b"minWorkers: x", ("minWorkers is ignored: 'x' is no int",)),
        (
            b"minWorkers: 1\n  maxWorkers: 2",
            ("The file cannot be read and has no effect: line 2: mapping values are not allowed here",),
        ),
        (b"a" * 300_000, ("The file cannot be read and has no effect: the file is larger than 262144 bytes",)),
    ],
)
def test_what_of_the_model_configuration_has_no_effect_is_told_with_line_and_reason(
    make_zip: Maker, make_tar: Maker, tmp_path: Path, config: bytes, problems: tuple[str, ...]
) -> None:
    files = (("model-config.yaml", config), ("MAR-INF/MANIFEST.json", CONFIGURED))
    for name, content in files:
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(content)
    for archive in (make_zip(*files), make_tar(*((f"r/{n}", c) for n, c in files)), tmp_path / "model"):
        assert inspect(archive).config_problems == problems


def test_a_tar_tells_the_same(make_tar: Maker) -> None:
    summary = inspect(make_tar(*((f"root/{name}", content) for name, content in FILES)))

    assert summary.model_name == "m"
    assert summary.files == ("MAR-INF/MANIFEST.json", "folder/data", "h.py")


def test_a_folder_tells_the_same_without_a_digest(tmp_path: Path) -> None:
    for name, content in FILES:
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(content)

    summary = inspect(tmp_path / "model")

    assert (summary.model_name, summary.sha256, summary.file_name) == ("m", "", "model")
    assert summary.size == sum(len(content) for _, content in FILES)
    assert summary.files == ("MAR-INF/MANIFEST.json", "folder/data", "h.py")


def test_an_archive_without_manifest_has_no_name(make_zip: Maker) -> None:
    summary = inspect(make_zip(("h.py", b"")))

    assert (summary.model_name, summary.version, summary.runtime) == ("", "1.0", "python")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("MAR-INF/MANIFEST.json", b"{")], "x.mar: Failed to parse MAR-INF/MANIFEST.json"),
        ([("MAR-INF/MANIFEST.json", b" " * 3_000_000)], "larger than"),
        ([("../h.py", b"")], "entry '../h.py': the name leads out"),
    ],
)
def test_what_unpacking_would_refuse_is_refused_now(
    make_zip: Maker, members: list[tuple[str, bytes]], reason: str
) -> None:
    with pytest.raises(InvalidArchiveError, match=reason):
        inspect(make_zip(*members))


def test_hashing_tells_how_far_it_is_and_can_be_cancelled(make_zip: Maker) -> None:
    archive = make_zip(("data", os.urandom(3_000_000)))
    told: list[Progress] = []
    inspect(archive, progress=told.append)
    size = archive.stat().st_size
    assert told[-1] == Progress("hashing", size, size)

    cancel = Event()
    with pytest.raises(CancelledActError, match="Hashing was cancelled"):
        inspect(archive, progress=lambda _: cancel.set(), cancel=cancel)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_reading_the_names_can_be_cancelled(make_zip: Maker, make_tar: Maker, kind: str) -> None:
    cancel = Event()
    cancel.set()

    with pytest.raises(CancelledActError, match="Reading was cancelled"):
        inspect((make_zip if kind == "zip" else make_tar)(*FILES), cancel=cancel)


def test_the_manifest_of_an_unpacked_archive_is_read(tmp_path: Path) -> None:
    assert read_manifest(tmp_path, "x.mar") == Manifest()
    (tmp_path / "MAR-INF").mkdir()
    (tmp_path / "MAR-INF" / "MANIFEST.json").write_bytes(MANIFEST)
    assert read_manifest(tmp_path, "x.mar").model_name == "m"


def test_a_folder_in_place_of_the_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "MAR-INF" / "MANIFEST.json").mkdir(parents=True)

    with pytest.raises(InvalidArchiveError, match=r"x.mar: MAR-INF/MANIFEST.json is no file"):
        read_manifest(tmp_path, "x.mar")
