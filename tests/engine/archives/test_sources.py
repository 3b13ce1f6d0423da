"""Finding archives in the model store by `url`, and copying new ones into it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from threading import Event

import pytest

from engine.archives.sources import copy_into_store, locate
from engine.errors import ArchiveNotFoundError, CancelledActError, InvalidArchiveError
from engine.snapshots import Progress


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "x.mar").write_bytes(b"first")
    return folder


@pytest.fixture
def dropped(tmp_path: Path) -> Path:
    path = tmp_path / "downloads" / "x.mar"
    path.parent.mkdir()
    path.write_bytes(b"second")
    return path


def content(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.iterdir()}


@pytest.mark.parametrize("url", ["x.mar", "/a/b/x.mar", "folder/x.mar"])
def test_the_last_component_is_looked_up_in_the_store(store: Path, url: str) -> None:
    assert locate(url, store) == store / "x.mar"


def test_a_folder_in_the_store_is_an_archive_too(store: Path) -> None:
    (store / "model").mkdir()

    assert locate("model", store) == store / "model"


def test_a_folder_below_the_store_is_found_by_its_whole_path(store: Path) -> None:
    deep = store / "ab12" / "model"
    deep.mkdir(parents=True)
    (store / "model").mkdir()

    assert locate(str(deep), store) == deep
    assert locate(f"{deep}/", store) == deep
    assert locate(str(deep), Path("/")) == deep


def test_a_folder_elsewhere_needs_a_pattern_that_matches_it(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other place"
    folder.mkdir()
    (store / "link").symlink_to(folder)

    assert locate(str(folder), store, (f"file://{tmp_path}/.*",)) == folder
    for allowed in (None, (), ("https://.*",)):
        with pytest.raises(ArchiveNotFoundError, match=r"Model not found at: .*set model_store to a folder above it"):
            locate(str(folder), store, allowed)
    with pytest.raises(ArchiveNotFoundError):
        locate(str(store / "link"), store)


@pytest.mark.parametrize("name", [".incoming-1/model", "."])
def test_neither_the_store_nor_what_is_on_its_way_is_a_model(store: Path, name: str) -> None:
    (store / name).mkdir(parents=True, exist_ok=True)
    with pytest.raises(ArchiveNotFoundError):
        locate(str(store / name), store)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "empty url"),
        ("../x.mar", "Relative path is not allowed in url: ../x.mar"),
        ("a..b/x.mar", "Relative path is not allowed in url: a..b/x.mar"),
        ("http://127.0.0.1:1/../x.mar", "Relative path is not allowed in url: http://127.0.0.1:1/../x.mar"),
        ("no.mar", "Model not found at: no.mar"),
        ("x.MAR", "Model not found at: x.MAR"),
        ("/", "Model not found at: /"),
        ("x.mar/", "Model not found at: x.mar/"),
        (".", "Model not found at: ."),
        ("\\\\host\\share\\x.mar", "Model not found at: \\\\host\\share\\x.mar"),
        ("x.mar\0", "Model not found at: x.mar\\x00"),
        ("x.mar\r\nX: y", "Model not found at: x.mar\\r\\nX: y"),
        ("x" * 300, f"Model not found at: {'x' * 255}..."),
        ("%2e%2e/x%2emar", "Model not found at: %2e%2e/x%2emar"),
        ("CON.mar", "Model not found at: CON.mar"),
        ("x.mar.", "Model not found at: x.mar."),
        ("/dev/zero", "Model not found at: /dev/zero"),
    ],
)
def test_anything_else_is_not_found_in_torchserves_words(store: Path, url: str, message: str) -> None:
    with pytest.raises(ArchiveNotFoundError) as refusal:
        locate(url, store)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/x.mar",
        "HTTPS://good.example@evil/x.mar",
        "file:///etc/passwd",
        "s3://bucket/x.mar",
        "ftp://h/x.mar",
        "jar:x.mar",
        "data:,x.mar",
        "C:x.mar",
        "x.mar::$DATA",
    ],
)
def test_a_url_is_never_taken_for_a_name_in_the_store(store: Path, url: str) -> None:
    with pytest.raises(ArchiveNotFoundError) as refusal:
        locate(url, store)
    assert str(refusal.value) == f"Model not found at: {url}"


def test_links_lead_only_inside_the_store(store: Path, dropped: Path) -> None:
    (store / "inside.mar").symlink_to("x.mar")
    (store / "outside.mar").symlink_to(dropped)
    (store / "whole").symlink_to(store)
    (store / "loop.mar").symlink_to("loop.mar")

    assert locate("inside.mar", store) == store / "inside.mar"
    for name in ("outside.mar", "whole"):
        with pytest.raises(ArchiveNotFoundError, match="it is a link out of the model store"):
            locate(name, store)
    with pytest.raises(ArchiveNotFoundError, match=r"Model not found at: loop\.mar"):
        locate("loop.mar", store)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO here")
def test_a_fifo_is_neither_registered_nor_copied(store: Path, tmp_path: Path) -> None:
    os.mkfifo(store / "pipe.mar")
    os.mkfifo(tmp_path / "pipe.mar")

    with pytest.raises(ArchiveNotFoundError, match="it is neither a file nor a folder"):
        locate("pipe.mar", store)
    with pytest.raises(InvalidArchiveError, match="it is no file"):
        copy_into_store(tmp_path / "pipe.mar", store)


def test_hidden_files_of_the_store_are_no_archives(store: Path) -> None:
    (store / ".incoming-1").touch()

    with pytest.raises(ArchiveNotFoundError):
        locate(".incoming-1", store)


def test_a_new_archive_is_copied_under_its_name(store: Path, dropped: Path) -> None:
    new = dropped.rename(dropped.with_name("new.mar"))

    assert copy_into_store(new, store) == "new.mar"
    assert content(store) == {"x.mar": b"first", "new.mar": b"second"}
    assert new.read_bytes() == b"second"


def test_another_content_of_the_same_name_gets_a_free_name(store: Path, dropped: Path) -> None:
    assert copy_into_store(dropped, store) == "x-2.mar"
    dropped.write_bytes(b"third!")
    assert copy_into_store(dropped, store) == "x-3.mar"
    assert content(store) == {"x.mar": b"first", "x-2.mar": b"second", "x-3.mar": b"third!"}


def test_the_same_content_of_the_same_name_is_not_kept_twice(store: Path, dropped: Path) -> None:
    dropped.write_bytes(b"first")

    assert copy_into_store(dropped, store) == "x.mar"
    assert content(store) == {"x.mar": b"first"}


def test_a_long_suffix_stays_whole(store: Path, dropped: Path) -> None:
    (store / "x.tar.gz").write_bytes(b"other")
    tar = dropped.rename(dropped.with_name("x.tar.gz"))

    assert copy_into_store(tar, store) == "x-2.tar.gz"


def test_a_name_taken_by_a_folder_is_not_free(store: Path, dropped: Path) -> None:
    (store / "x.mar").unlink()
    (store / "x.mar").mkdir()

    assert copy_into_store(dropped, store) == "x-2.mar"


def test_an_archive_that_lies_in_the_store_stays_there(store: Path) -> None:
    assert copy_into_store(store / "x.mar", store) == "x.mar"
    assert content(store) == {"x.mar": b"first"}


def test_a_file_system_without_second_names_keeps_both_contents_too(
    store: Path, dropped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)

    assert copy_into_store(dropped, store) == "x-2.mar"
    assert content(store) == {"x.mar": b"first", "x-2.mar": b"second"}


def test_a_copy_that_fails_leaves_nothing(store: Path, dropped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        copy_into_store(dropped, store)
    assert content(store) == {"x.mar": b"first"}


def test_copying_tells_how_far_it_is_and_cancelling_leaves_nothing(store: Path, dropped: Path) -> None:
    dropped.write_bytes(bytes(3_000_000))
    cancel = Event()
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        cancel.set()

    with pytest.raises(CancelledActError, match="Copying was cancelled"):
        copy_into_store(dropped, store, tell, cancel)
    assert content(store) == {"x.mar": b"first"}
    assert (told[0].phase, told[0].total) == ("copying", 3_000_000)


@pytest.mark.parametrize("name", [".hidden.mar", "a\nb.mar", "con.mar", "x.mar ", "a:b.mar"])
def test_a_name_that_cannot_be_kept_is_refused(store: Path, dropped: Path, name: str) -> None:
    with pytest.raises(InvalidArchiveError, match="cannot be kept: the name"):
        copy_into_store(dropped.rename(dropped.with_name(name)), store)
    assert content(store) == {"x.mar": b"first"}


def test_a_missing_file_or_a_folder_is_refused(store: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "no.mar", tmp_path):
        with pytest.raises(InvalidArchiveError, match="it is no file"):
            copy_into_store(path, store)
