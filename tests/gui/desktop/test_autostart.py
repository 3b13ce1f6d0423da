from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from gui.desktop import autostart

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="desktop entries")


def test_the_entry_lies_where_the_desktop_looks(tmp_path: Path) -> None:
    assert autostart.entry_path({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "autostart" / "marina.desktop"
    own = Path.home() / ".config" / "autostart" / "marina.desktop"
    assert autostart.entry_path({}) == own
    assert autostart.entry_path({"XDG_CONFIG_HOME": "relative"}) == own


def test_the_switch_writes_and_removes_the_entry(tmp_path: Path) -> None:
    path = tmp_path / "autostart" / "marina.desktop"
    autostart.switch(path, ["/opt/marina"], on=True)
    assert autostart.is_on(path)
    assert 'Exec="/opt/marina"' in path.read_text(encoding="utf-8")
    autostart.switch(path, ["/opt/marina"], on=False)
    autostart.switch(path, ["/opt/marina"], on=False)
    assert not autostart.is_on(path)


@pytest.mark.parametrize("name", ["/opt/my apps/marina", '/a"b/$HOME/`x`/c\\d', "/100%/marina"])
def test_a_program_of_any_name_is_started_as_it_is(name: str) -> None:
    line = next(line for line in autostart.entry([name]).splitlines() if line.startswith("Exec="))
    unescaped = line.removeprefix("Exec=").replace("\\\\", "\\")
    assert unescaped.startswith('"')
    assert unescaped.endswith('"')
    assert re.sub(r"\\(.)", r"\1", unescaped[1:-1]).replace("%%", "%") == name


def test_this_marina_can_be_started() -> None:
    assert Path(autostart.command({})[0]).is_file()
    assert autostart.reason() == ""


def test_the_bundled_program_is_started_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "marina-app" / "marina"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(program))
    assert autostart.command({}) == [str(program)]


def test_marina_starts_in_the_home_that_it_has_now(tmp_path: Path) -> None:
    home = tmp_path / "my home"
    assert autostart.command({"MARINA_HOME": str(home)}) == ["env", f"MARINA_HOME={home}", *autostart.command({})]
    assert f'Exec="env" "MARINA_HOME={home}"' in autostart.entry(autostart.command({"MARINA_HOME": str(home)}))
