from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QUrl

from gui.drops import Drop, read_drop, sort_out

if TYPE_CHECKING:
    from gui.drops import Makings
    from tests.gui.fakes import FakeEngine, Run


def dragged(*urls: str) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl(url) for url in urls])
    return mime


def text(said: str) -> QMimeData:
    mime = QMimeData()
    mime.setText(said)
    return mime


def local(*paths: Path) -> QMimeData:
    return dragged(*(QUrl.fromLocalFile(str(path)).toString() for path in paths))


def test_archives_are_taken_in_order() -> None:
    drop = read_drop(dragged("file:///a/one.mar", "file:///a/two.tar.gz", "file:///a/three.tgz"))
    assert drop.archives == (Path("/a/one.mar"), Path("/a/two.tar.gz"), Path("/a/three.tgz"))
    assert drop.refused == ()
    assert drop.welcome == "Drop to see what is inside"


def test_addresses_are_taken_from_links_and_from_text() -> None:
    addresses = ("https://models.example/digits.mar?x=a%20b", "http://models.example/d.mar", "s3://bucket/digits.mar")
    assert read_drop(dragged(*addresses)).archives == addresses
    assert read_drop(text("\n".join(["# a comment", *addresses, ""]))).archives == addresses


def test_files_of_models_are_for_an_archive_to_be_made() -> None:
    drop = read_drop(dragged("file:///a/net.pt", "file:///a/net.PTH", "file:///a/folder"))
    assert drop.models == (Path("/a/net.pt"), Path("/a/net.PTH"))
    assert drop.open == (Path("/a/folder"),)
    assert drop.welcome == "Drop to make an archive of it"


def test_what_is_neither_is_refused_with_the_reason() -> None:
    drop = read_drop(dragged("ftp://models.example/digits.mar"))
    assert drop.refused == ("ftp://models.example/digits.mar cannot be used. Drop files, folders or addresses.",)
    assert drop.welcome == drop.refused[0]
    assert read_drop(text("some words")).refused
    assert read_drop(QMimeData()) == Drop()


def sorted_out(run: Run, engine: FakeEngine, mime: QMimeData) -> Makings:
    makings: Makings = run(sort_out(read_drop(mime), engine))
    return makings


def test_each_folder_is_an_archive_of_its_own(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    for name in ("one", "two.v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.pt").touch()
    makings = sorted_out(run, engine, local(tmp_path / "one", tmp_path / "two.v2"))
    assert makings.archives == ((tmp_path / "one",), (tmp_path / "two.v2",))
    assert makings.refused == ()


def test_loose_files_make_one_archive_with_the_model(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("net.pt", "handler.py", "labels.json")]
    for file in files:
        file.touch()
    assert sorted_out(run, engine, local(*files)).archives == (tuple(files),)


def test_files_that_belong_to_no_model_are_refused(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    makings = sorted_out(run, engine, local(tmp_path / "notes.txt", tmp_path / "gone"))
    assert makings.archives == ()
    first, second = makings.refused
    assert first.startswith("notes.txt is no model.")
    assert "No such file" in second
