from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.settings.openings import is_address, opening

HERE = Path("/home/me")


@pytest.mark.parametrize("address", ["https://models.example/x.mar", "HTTP://a.example/x", "s3://bucket/x.mar"])
def test_an_address_stays_as_it_is(address: str) -> None:
    assert opening(address, HERE) == address
    assert is_address(address)


@pytest.mark.skipif(sys.platform == "win32", reason="paths of Unix")
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("x.mar", "/home/me/x.mar"),
        ("/a/x.mar", "/a/x.mar"),
        ("../x.mar", "/home/me/../x.mar"),
        ("file:///a/my%20net.mar", "/a/my net.mar"),
        ("file:/a/x.mar", "/a/x.mar"),
        ("FILE://localhost/a/%C3%A4.mar", "/a/ä.mar"),
        ("file:///a/%ff.mar", "/a/\udcff.mar"),
        ("https:x.mar", "/home/me/https:x.mar"),
        ("file.mar", "/home/me/file.mar"),
        ("javascript:alert(1)", "/home/me/javascript:alert(1)"),
    ],
)
def test_anything_else_is_a_path(text: str, path: str) -> None:
    assert opening(text, HERE) == Path(path)


@pytest.mark.parametrize("text", ["file://host/share/x.mar", "file://[evil/x.mar", "file:///a%00.mar"])
def test_a_file_that_cannot_be_on_this_machine_is_neither(text: str) -> None:
    assert opening(text, HERE) == text
    assert not is_address(text)
