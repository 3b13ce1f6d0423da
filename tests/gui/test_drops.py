from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl

from gui.drops import read_drop


def dragged(*urls: str) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl(url) for url in urls])
    return mime


def test_archives_are_taken_in_order() -> None:
    drop = read_drop(dragged("file:///a/one.mar", "file:///a/two.tar.gz"))
    assert drop.archives == (Path("/a/one.mar"), Path("/a/two.tar.gz"))
    assert drop.refused == ()


def test_other_files_are_refused_with_the_reason() -> None:
    drop = read_drop(dragged("file:///a/one.mar", "file:///a/notes.txt"))
    assert len(drop.archives) == 1
    assert drop.refused == ("notes.txt is no model archive. Drop a .mar or .tar.gz file.",)


def test_an_address_is_refused_with_what_to_do() -> None:
    drop = read_drop(dragged("https://models.example/digits.mar"))
    assert drop.archives == ()
    assert "Download the archive" in drop.refused[0]


def test_dragged_text_is_refused() -> None:
    mime = QMimeData()
    mime.setText("https://models.example/digits.mar")
    assert read_drop(mime).refused
