"""Which member names are safe, and when two of them are one."""

from __future__ import annotations

import pytest

from engine.archives.names import Twins, component_problem, is_inside, printable, split


@pytest.mark.parametrize(
    ("name", "components"),
    [
        ("a", ("a",)),
        ("a/b.py", ("a", "b.py")),
        ("./a//b/", ("a", "b")),
        ("", ()),
        ("./", ()),
        ("MAR-INF/MANIFEST.json", ("MAR-INF", "MANIFEST.json")),
        ("é日本 x", ("é日本 x",)),
        (".hidden", (".hidden",)),
    ],
)
def test_harmless_names_fall_into_components(name: str, components: tuple[str, ...]) -> None:
    assert split(name) == components


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "a/..",
        "..",
        "/abs",
        "//abs",
        "C:\\x",
        "C:/x",
        "..\\x",
        "a\\b",
        "\\\\host\\share",
        "a::$DATA",
        "a\x00b",
        "a\nb",
        "a\x1b[31m",
        "a\u202egnp.py",
        "\ud800",
        "con",
        "CON.mar",
        "a/nul.txt",
        "COM1",
        "lpt\u00b9",
        "a.",
        "a ",
        "x" * 256,
        "é" * 128,
        "/".join("a" * 65),
        "x/" * 600,
        "x" * 65_536,
    ],
)
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        split(name)
    assert not is_inside(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b"])
def test_one_component_is_no_path(name: str) -> None:
    assert component_problem(name)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("handler.py", "handler.py"),
        ("Handler.py", "handler.py"),
        ("stra\u00dfe", "STRASSE"),
        ("\u00e9", "e\u0301"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("Dir/a", "dir/b"),
    ],
)
def test_two_names_of_one_file_are_refused(first: str, second: str) -> None:
    twins = Twins()
    twins.add(split(first), is_folder=False)

    with pytest.raises(ValueError, match=r"twice|differs"):
        twins.add(split(second), is_folder=False)


def test_files_may_share_a_folder_that_is_named_itself() -> None:
    twins = Twins()
    twins.add(("a",), is_folder=True)
    twins.add(("a", "b"), is_folder=False)
    twins.add(("a", "c"), is_folder=False)
    twins.add(("a",), is_folder=True)


def test_names_are_shown_without_their_tricks() -> None:
    assert printable("a\x1b[31m\u202e") == "a\\x1b[31m\\u202e"
    assert printable("日本") == "日本"
    assert len(printable("x" * 10_000)) < 300
