"""Folders for archives on their way: a dead process's is removed by the next one, a living one's is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine.archives.private import PrivateFolder, remove_abandoned

HOLD = """
import sys, pathlib
from engine.archives.private import PrivateFolder
folder = PrivateFolder(pathlib.Path(sys.argv[1]))
folder.open()
(folder.path / "half.mar").write_bytes(b"PK")
print(folder.path.name, flush=True)
sys.stdin.read()
"""


def names(store: Path) -> list[str]:
    return sorted(entry.name for entry in store.iterdir())


def test_a_folder_is_private_and_goes_when_it_is_closed(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    folder.open()
    (folder.path / "x.mar").write_bytes(b"x")

    assert folder.path.name.startswith(".")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.close()
    folder.close()
    assert names(tmp_path) == []


def test_what_is_being_filled_is_kept_until_its_process_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        theirs = process.stdout.readline().strip()
        ours = PrivateFolder(tmp_path)
        ours.open()
        remove_abandoned(tmp_path)
        assert names(tmp_path) == sorted([theirs, ours.path.name])
        assert (tmp_path / theirs / "half.mar").exists()
    finally:
        process.kill()
        process.communicate()
    remove_abandoned(tmp_path)
    assert names(tmp_path) == [ours.path.name]
    ours.close()


def test_nothing_else_in_the_store_is_touched(tmp_path: Path) -> None:
    elsewhere, store = tmp_path / "elsewhere", tmp_path / "store"
    for folder in (elsewhere, store, store / "model", store / ".mine"):
        folder.mkdir()
    (elsewhere / "x.mar").touch()
    (store / "x.mar").touch()
    (store / ".incoming-link").symlink_to(elsewhere)
    (store / ".incoming-left").mkdir()
    remove_abandoned(store)

    assert names(store) == [".incoming-link", ".mine", "model", "x.mar"]
    assert names(elsewhere) == ["x.mar"]
