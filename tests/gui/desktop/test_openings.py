from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gui.desktop.openings import MOST_OPEN, look


def test_archives_that_are_there_and_addresses_are_taken_in_order(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("b.mar", "a.tar.gz", "c.tgz")]
    for file in files:
        file.touch()
    given: list[Path | str] = [files[0], "https://models.example/net.mar", *files[1:]]
    assert look(given).archives == tuple(given)
    assert look(given).refused == ()


def test_the_rest_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "folder.mar").mkdir()
    (tmp_path / "notes.txt").touch()
    found = look([tmp_path / "gone.mar", tmp_path / "folder.mar", tmp_path / "notes.txt", "file://host/x.mar"])
    assert found.archives == ()
    for part, reason in zip(
        ("gone.mar", "folder.mar", "notes.txt is no archive", "file://host"), found.refused, strict=True
    ):
        assert part in reason


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes among files")
def test_a_pipe_that_would_hold_whoever_opens_it_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mar")
    assert look([tmp_path / "pipe.mar", Path("/dev/zero.mar")]).archives == ()


def test_only_the_first_reasons_are_told_one_by_one(tmp_path: Path) -> None:
    refused = look([tmp_path / f"{n}.txt" for n in range(9)]).refused
    assert len(refused) == 5
    assert refused[-1] == "5 more cannot be opened."


def test_signs_that_would_not_be_seen_are_shown(tmp_path: Path) -> None:
    [reason] = look([tmp_path / "ram\u202e.txt\n"]).refused
    assert reason.startswith("ram\\u202e.txt\\n is no archive")


def test_what_finds_no_room_is_counted() -> None:
    addresses = [f"https://models.example/{n}.mar" for n in range(MOST_OPEN + 1)]
    found = look(addresses)
    assert len(found.archives) == MOST_OPEN
    assert found.refused == ("1 more is too many at once: left out.",)
    assert look(addresses, 0).refused == ("21 more are too many at once: left out.",)
