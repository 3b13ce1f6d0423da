"""Folders for unpacked archives: our own goes with us, a dead process's is removed, a living one's is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from engine.scratch import Scratch

HOLD = """
import sys, pathlib
from engine.scratch import Scratch
scratch = Scratch(pathlib.Path(sys.argv[1]))
scratch.open()
(scratch.folder / "model").mkdir()
print(scratch.folder.name, flush=True)
sys.stdin.read()
"""


def other_process(root: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, root / process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_folder_is_private_and_goes_with_its_owner(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.open()
    folder = scratch.new_folder()
    (folder / "inside").mkdir(parents=True)

    assert scratch.folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent == scratch.folder
    assert scratch.new_folder() != folder
    scratch.remove(folder)
    scratch.remove(folder)
    assert not folder.exists()
    scratch.close()
    scratch.close()
    assert not scratch.folder.exists()


def test_the_folder_of_a_living_process_is_kept_and_that_of_a_dead_one_removed(tmp_path: Path) -> None:
    process, theirs = other_process(tmp_path)
    try:
        first = Scratch(tmp_path)
        first.open()
        assert (theirs / "model").is_dir()
        first.close()
    finally:
        end(process)
    second = Scratch(tmp_path)
    second.open()

    assert not theirs.exists()
    second.close()


def test_what_was_left_without_a_lock_is_removed_and_files_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "left" / "deep").mkdir(parents=True)
    (tmp_path / "note.txt").write_text("mine")
    scratch = Scratch(tmp_path)
    scratch.open()

    assert not (tmp_path / "left").exists()
    assert (tmp_path / "note.txt").read_text() == "mine"
    scratch.close()


def test_two_in_one_process_leave_each_other_alone(tmp_path: Path) -> None:
    first, second = Scratch(tmp_path), Scratch(tmp_path)
    first.open()
    second.open()

    assert first.folder.is_dir()
    first.close()
    second.close()
