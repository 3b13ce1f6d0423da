"""Marina's folders: where they are, and that nobody else gets in."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from engine.home import Home

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def test_one_variable_moves_everything(tmp_path: Path) -> None:
    home = Home.find({"MARINA_HOME": str(tmp_path)})

    paths = (home.model_store, home.unpacked, home.logs, home.database, home.runtime, home.environments)
    assert [path for path in paths if not path.is_relative_to(tmp_path)] == []
    assert len(set(paths)) == 6


def test_without_it_the_folders_carry_marinas_name() -> None:
    home = Home.find({})

    assert "marina" in home.model_store.parts
    assert "marina" in home.logs.parts
    assert home.runtime.is_relative_to(home.unpacked.parent)


def test_sockets_live_with_the_session_where_there_is_one() -> None:
    assert Home.find({"XDG_RUNTIME_DIR": "/run/user/1"}).runtime == Path("/run/user/1/marina")


def test_a_setting_puts_the_model_store_elsewhere(tmp_path: Path) -> None:
    home = Home.find({"MARINA_HOME": str(tmp_path / "home")})

    assert home.with_model_store(tmp_path).model_store == tmp_path
    assert home.with_model_store(None) == home


@posix
def test_made_folders_are_private_and_making_them_twice_is_fine(tmp_path: Path) -> None:
    home = Home.find({"MARINA_HOME": str(tmp_path / "a" / "home")})
    home.create()
    home.create()

    folders = (home.database.parent, home.model_store, home.unpacked, home.logs, home.runtime)
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


@posix
def test_an_existing_model_store_keeps_its_mode(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    store.chmod(0o755)
    Home.find({"MARINA_HOME": str(tmp_path / "home")}).with_model_store(store).create()

    assert stat.S_IMODE(store.stat().st_mode) == 0o755


@posix
def test_a_runtime_folder_planted_as_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runtime").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PermissionError, match="belongs to somebody else"):
        Home.find({"MARINA_HOME": str(tmp_path)}).create()
