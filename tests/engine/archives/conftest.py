"""Archives to try things on, made in the test's own folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ZipMaker = Callable[..., Path]
TarMaker = Callable[..., Path]


@pytest.fixture
def make_zip(tmp_path: Path) -> ZipMaker:
    def make(*members: tuple[str | zipfile.ZipInfo, bytes], name: str = "x.mar") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members:
                archive.writestr(member, content)
        return path

    return make


@pytest.fixture
def make_tar(tmp_path: Path) -> TarMaker:
    def make(*members: tuple[str | tarfile.TarInfo, bytes], name: str = "x.tar.gz") -> Path:
        path = tmp_path / name
        with tarfile.open(path, "w:gz") as archive:
            for member, content in members:
                info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a place for the unpacked model, in an own folder where nothing else lies."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    return folder / "model"
