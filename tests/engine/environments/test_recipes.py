"""Which environments are the same, and what makes one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.environments.interpreters import Interpreter
from engine.environments.recipes import MAX_SIZE, Recipe, is_plain, key_of

PYTHON = Interpreter("/usr/bin/python3", (3, 12, 1), ())


def recipe(folder: Path, text: str = "numpy\n", *, venv: bool = False, interpreter: Interpreter = PYTHON) -> Recipe:
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text(text)
    return Recipe(interpreter, folder, folder / "requirements.txt", venv)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n\n",
        "numpy",
        "numpy==2.1.0  # pinned\ntorch >= 2.4 , <3",
        "uvicorn[standard, http2]~=0.30; python_version < '3.13'",
        "zope.interface!=6",
    ],
)
def test_names_versions_and_markers_mean_nothing_in_the_archive(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize(
    "text",
    [
        "-r more.txt",
        "--find-links wheels",
        "numpy\n./local",
        "wheels/a.whl",
        "a-1.0-py3-none-any.whl",
        "a.tar.gz",
        "a.zip[extra]",
        "a @ file:wheels/a.whl",
        "--extra-index-url https://example.org/simple",
        "..",
        "numpy \\",
    ],
)
def test_everything_else_may_mean_a_file_of_the_archive(text: str) -> None:
    assert not is_plain(text)


def test_archives_that_ask_the_same_of_the_same_interpreter_share(tmp_path: Path) -> None:
    one, other = recipe(tmp_path / "one"), recipe(tmp_path / "other")
    (tmp_path / "other" / "handler.py").write_text("pass")

    assert key_of(one) == key_of(other)
    assert key_of(replace(one, interpreter=replace(PYTHON, version=(3, 12, 9)))) == key_of(one)


def test_form_interpreter_its_version_and_requirements_each_tell_apart(tmp_path: Path) -> None:
    first = recipe(tmp_path / "a")
    others = [
        replace(first, venv=True),
        replace(first, interpreter=replace(PYTHON, path="/opt/python3")),
        replace(first, interpreter=replace(PYTHON, version=(3, 13, 1))),
        recipe(tmp_path / "b", "numpy<3\n"),
    ]

    assert len({key_of(one) for one in (first, *others)}) == 5


def test_files_of_the_archive_count_where_the_requirements_may_mean_them(tmp_path: Path) -> None:
    one, other = (recipe(tmp_path / name, "./net.whl") for name in ("one", "other"))
    for each in (one, other):
        (each.folder / "net.whl").write_bytes(b"1")
    same = key_of(one)
    assert key_of(other) == same

    (one.folder / "__pycache__").mkdir()
    (one.folder / "__pycache__" / "h.pyc").write_bytes(b"x")
    (other.folder / "net.whl").write_bytes(b"2")

    assert key_of(one) == same
    assert key_of(other) != same


def test_requirements_that_are_missing_or_endless_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="larger than"):
        key_of(recipe(tmp_path / "a", "#" * (MAX_SIZE + 1)))
    (tmp_path / "a" / "requirements.txt").unlink()
    with pytest.raises(FileNotFoundError):
        key_of(Recipe(PYTHON, tmp_path / "a", tmp_path / "a" / "requirements.txt", venv=False))


def test_a_plain_folder_is_filled_by_the_interpreters_own_pip(tmp_path: Path) -> None:
    plain, target = recipe(tmp_path / "a"), Path("/environments/x")

    (command,) = plain.commands(target)

    assert command[:4] == ["/usr/bin/python3", "-m", "pip", "install"]
    assert {"--upgrade", "--no-input"} < set(command)
    assert command[-4:] == ["--target", str(target), "-r", str(plain.requirements)]
    assert (plain.python(target), plain.packages(target)) == ("/usr/bin/python3", target)


def test_a_virtual_environment_is_made_first_and_keeps_what_it_inherits(tmp_path: Path) -> None:
    isolated, target = recipe(tmp_path / "a", venv=True), Path("/environments/x")

    make, install = isolated.commands(target)

    assert (make[0], make[-1]) == ("/usr/bin/python3", str(target))
    assert install[0] == isolated.python(target)
    assert install[-4:] == ["--upgrade-strategy", "only-if-needed", "-r", str(isolated.requirements)]
    assert isolated.packages(target).is_relative_to(target)
