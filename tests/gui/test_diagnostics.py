from __future__ import annotations

import json
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest

from engine.masking import masked
from engine.settings import Settings
from engine.snapshots import GpuSnapshot, Key, LogLine, Machine, Stream, VersionState, WorkerState
from gui import diagnostics
from gui.diagnostics import MOST_LOGS, MOST_OF_A_FILE, Stopped, gather, write
from tests.gui.fakes import a_version, a_worker

if TYPE_CHECKING:
    from pathlib import Path

    from engine.snapshots import VersionSnapshot

MACHINE = Machine(22.0, 16, 9, 128, (GpuSnapshot(0, "H200", 139, 51, 64),))
FAILED = a_version(
    "signs/x",
    state=VersionState.FAILED,
    url="https://me:hidden@models.example/signs.mar?X-Amz-Signature=abc",
    workers=(a_worker(state=WorkerState.FAILED, last_death="KeyError: 1", traceback="Traceback\nKeyError: 1"),),
)


def lines_of(_key: Key) -> tuple[LogLine, ...]:
    return (LogLine(1.0, "9000", Stream.STDERR, "a line"),)


def written(tmp_path: Path, *versions: VersionSnapshot) -> dict[str, str]:
    file = tmp_path / "found.zip"
    write(gather(Settings(), MACHINE, versions, lines_of, tmp_path / "logs"), file, threading.Event())
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["found.zip"]
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_everything_that_helps_is_in_the_zip(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "marina.log").write_text("one\ntwo\n")
    parts = written(tmp_path, a_version(), FAILED)
    assert parts["logs/marina.log"] == "one\ntwo\n"
    assert parts["workers/00-signs_x-1.0.log"].endswith("\ta line")
    assert "torch" in json.loads(parts["versions.json"])["packages"]
    assert json.loads(parts["settings.json"])["job_queue_size"] == {"value": "100", "source": "default"}
    assert json.loads(parts["machine.json"])["gpus"][0]["name"] == "H200"
    signs = json.loads(parts["models.json"])[1]
    assert (signs["state"], signs["cause"]) == ("failed", "KeyError: 1")
    assert signs["workers"][0]["traceback"] == "Traceback\nKeyError: 1"


def test_passwords_and_signatures_are_masked_everywhere(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "marina.log").write_text("GET https://me:hidden@models.example/a?sig=abc done\n")
    parts = written(tmp_path, FAILED)
    assert not [name for name, text in parts.items() if "hidden" in text or "abc" in text]
    assert "https://***@models.example/signs.mar?***" in parts["models.json"]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer ***"),
        ('"token": "abcdefgh12345"', '"token": ***"'),
        ("see https://models.example/a.mar", "see https://models.example/a.mar"),
        ("no token here", "no token here"),
    ],
)
def test_only_secrets_are_masked(text: str, safe: str) -> None:
    assert masked(text) == safe


def test_a_setting_that_sounds_secret_is_masked() -> None:
    found = diagnostics.Diagnosis(
        (("keystore_pass", "changeit", "file"), ("model_store", "/m", "default")),
        MACHINE,
        (),
        {},
        None,  # type: ignore[arg-type]
    )
    shown = diagnostics._settings(found)
    assert shown["keystore_pass"]["value"] == "***"
    assert shown["model_store"]["value"] == "/m"


def test_of_a_large_log_the_last_whole_lines_are_kept(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    line = b"x" * 99 + b"\n"
    (tmp_path / "logs" / "marina.log").write_bytes(b"first\n" + line * (MOST_OF_A_FILE // 100 + 5) + b"last\n")
    text = written(tmp_path)["logs/marina.log"]
    assert len(text) <= MOST_OF_A_FILE
    assert text.startswith("x" * 99 + "\n")
    assert text.endswith("last\n")


def test_a_log_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "logs" / "odd.log").mkdir(parents=True)
    assert written(tmp_path)["logs/odd.log"].startswith("odd.log cannot be read: ")


def test_of_many_versions_those_that_failed_bring_their_lines(tmp_path: Path) -> None:
    many = [a_version(f"m{number}") for number in range(MOST_LOGS + 5)]
    parts = written(tmp_path, *many, FAILED)
    logs = [name for name in parts if name.startswith("workers/")]
    assert len(logs) == MOST_LOGS
    assert "workers/00-signs_x-1.0.log" in logs
    assert len(json.loads(parts["models.json"])) == len(many) + 1


def test_a_cancelled_writing_leaves_nothing(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Stopped):
        write(gather(Settings(), MACHINE, [], lines_of, tmp_path), tmp_path / "found.zip", cancel)
    assert list(tmp_path.iterdir()) == []
