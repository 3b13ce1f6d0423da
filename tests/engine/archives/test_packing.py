"""Packing: what comes out is what the rest of this room reads, and the same each time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from engine.archives.packing import pack
from engine.archives.summary import inspect, read_manifest
from engine.archives.unpack import unpack
from engine.errors import BadRequestError


def test_a_packed_archive_reads_back(tmp_path: Path) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(os.urandom(2_000_000))
    files: dict[str, Path | bytes] = {"w.pt": weights, "h.py": b"x = 1", "m.py": b"", "c.yaml": b"", "extra/é": b"2"}

    archive = pack(
        tmp_path / "m.mar",
        model_name="m",
        version="3",
        handler="h.py:f",
        files=files,
        description="a cat",
        serialized_file="w.pt",
        model_file="m.py",
        config_file="c.yaml",
    )
    folder = unpack(archive, tmp_path / "model")
    manifest = read_manifest(folder, "m.mar")

    assert inspect(archive).files == ("MAR-INF/MANIFEST.json", "c.yaml", "extra/é", "h.py", "m.py", "w.pt")
    assert (folder / "w.pt").read_bytes() == weights.read_bytes()
    assert (manifest.model_name, manifest.version, manifest.handler) == ("m", "3", "h.py:f")
    assert (manifest.serialized_file, manifest.model_file, manifest.config_file) == ("w.pt", "m.py", "c.yaml")
    assert manifest.requirements_file == ""
    assert manifest.description == "a cat"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first: dict[str, Path | bytes] = {"a.py": b"1" * 1000, "b": b"2"}
    one = pack(tmp_path / "1.mar", model_name="m", handler="a", files=first)
    two = pack(tmp_path / "2.mar", model_name="m", handler="a", files=dict(reversed(first.items())))

    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"model_name": ""}, "Model name is not defined"),
        ({"handler": "missing.py"}, "neither built in nor among the files"),
        ({"runtime": "java"}, "Invalid RuntimeType value: java"),
        ({"serialized_file": "no.pt"}, "serializedFile 'no.pt' is not among the files"),
        ({"files": {"h.py": b"", "../x": b""}}, "leads out"),
        ({"files": {"h.py": b"", "./x": b""}}, "no plain path"),
        ({"files": {"h.py": b"", "H.py": b""}}, "in case"),
        ({"files": {"h.py": b"", "MAR-INF/MANIFEST.json": b""}}, "twice"),
    ],
)
def test_what_could_not_be_read_back_is_refused(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    given: dict[str, Any] = {"model_name": "m", "handler": "h.py", "files": {"h.py": b""}} | changed

    with pytest.raises(BadRequestError, match=reason):
        pack(tmp_path / "m.mar", **given)
    assert list(tmp_path.iterdir()) == []


def test_only_mar_files_are_made(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match=r"must end in \.mar"):
        pack(tmp_path / "m.zip", model_name="m", handler="base_handler", files={})


def test_a_file_that_cannot_be_read_leaves_the_earlier_archive(tmp_path: Path) -> None:
    (tmp_path / "m.mar").write_bytes(b"earlier")

    with pytest.raises(FileNotFoundError):
        pack(tmp_path / "m.mar", model_name="m", handler="h", files={"h.py": tmp_path / "missing"})

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"earlier"]
