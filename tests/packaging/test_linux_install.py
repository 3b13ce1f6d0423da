"""install.sh and uninstall.sh with a tiny bundle, an empty home, and no programs of a desktop."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gui.desktop import autostart

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="installs for Linux")

LINUX = Path(__file__).parents[2] / "packaging" / "linux"
TOOLS = (
    "cat",
    "cp",
    "dirname",
    "find",
    "grep",
    "ln",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "rmdir",
    "sed",
    "sh",
    "sort",
    "touch",
)
ICON = "icons/hicolor/16x16/apps/marina.png"


@dataclass(frozen=True)
class User:
    """Somebody with a home of their own, and a bundle that was just unpacked."""

    home: Path
    bundle: Path
    path: Path

    @property
    def data(self) -> Path:
        return self.home / ".local" / "share"

    @property
    def app(self) -> Path:
        return self.data / "marina-app"

    def run(self, script: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        own = {"HOME": str(self.home), "PATH": str(self.path), **environ}
        return subprocess.run(["sh", str(script), *arguments], env=own, capture_output=True, text=True, check=False)

    def install(self, **environ: str) -> str:
        done = self.run(self.bundle / "install.sh", **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def uninstall(self, *arguments: str, **environ: str) -> str:
        done = self.run(self.app / "uninstall.sh", *arguments, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def everything(self) -> list[Path]:
        return sorted(self.home.rglob("*"))


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def user(tmp_path: Path) -> User:
    user = User(tmp_path / 'a $home "of" 100% `mine`', tmp_path / "my downloads" / "marina", tmp_path / "bin")
    user.home.mkdir()
    user.path.mkdir()
    for name in TOOLS:
        (user.path / name).symlink_to(str(shutil.which(name)))
    write(user.bundle / "share" / ICON)
    write(user.bundle / "share" / "applications" / "marina.desktop", (LINUX / "marina.desktop").read_text())
    for program in ("marina", "marina-server"):
        shutil.copy(str(shutil.which("sleep")), user.bundle / program)
    for script in LINUX.glob("*.sh"):
        shutil.copy(script, user.bundle)
    return user


@contextmanager
def running(program: Path) -> Iterator[None]:
    with subprocess.Popen([program, "60"]) as process:
        yield
        process.kill()


def test_what_is_installed_is_removed_to_the_last_file_and_folder(user: User) -> None:
    user.install()
    assert (user.home / ".local" / "bin" / "marina").resolve() == user.app / "marina"
    assert (user.data / ICON).is_file()
    assert "is removed" in user.uninstall()
    assert user.everything() == []


def test_the_menu_starts_the_installed_program_whatever_the_home_is_called(user: User) -> None:
    user.install()
    lines = (user.data / "applications" / "marina.desktop").read_text(encoding="utf-8").splitlines()
    run = next(line for line in lines if line.startswith("Exec="))
    spelled = run.removeprefix('Exec="').removesuffix('" %F').replace("\\\\", "\\")
    for special in '"`$':
        spelled = spelled.replace(f"\\{special}", special)
    assert spelled.replace("%%", "%") == str(user.app / "marina")
    assert lines.count("StartupWMClass=marina") == 1


def test_what_is_missing_is_said_with_its_package(user: User) -> None:
    said = user.install()
    assert "update-desktop-database is missing (package desktop-file-utils)" in said
    assert "xdg-mime is missing (package xdg-utils)" in said
    assert ".local/bin is not on your PATH yet" in said


def test_the_folders_of_the_xdg_are_respected_and_relative_ones_ignored(user: User, tmp_path: Path) -> None:
    elsewhere = {"XDG_DATA_HOME": str(tmp_path / "my data"), "XDG_CONFIG_HOME": "relative"}
    user.install(**elsewhere)
    assert (tmp_path / "my data" / "marina-app" / "marina").is_file()
    assert not user.app.exists()


def test_the_new_one_takes_the_place_of_the_former(user: User) -> None:
    write(user.bundle / "former")
    write(user.bundle / "share" / "icons" / "former.png")
    user.install()
    others = write(user.data / "icons" / "others.png")
    for name in ("former", "share/icons/former.png"):
        (user.bundle / name).unlink()
    write(user.bundle / "newer")
    user.install()
    assert (user.app / "newer").is_file()
    assert not (user.app / "former").exists()
    assert not (user.data / "icons" / "former.png").exists()
    user.uninstall()
    assert [path for path in user.everything() if path.is_file()] == [others]


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_a_running_marina_is_named_and_left_alone(user: User, script: str) -> None:
    user.install()
    before = user.everything()
    with running(user.app / "marina"):
        done = user.run(user.bundle / script)
    assert (done.returncode, user.everything()) == (1, before)
    assert "Marina is running. Close it" in done.stderr
    assert done.stderr.endswith(f"\n{user.app / 'marina'}\n")


@pytest.mark.parametrize(
    ("tool", "instead"),
    [
        ("cp", 'mkdir -- "$4"; exit 1'),
        ("mv", 'case $2 in *.incoming) exit 1 ;; *) exec "${0%/*}/really" "$@" ;; esac'),
    ],
)
def test_an_installation_that_fails_leaves_the_former_as_it_was(user: User, tool: str, instead: str) -> None:
    write(user.bundle / "former")
    user.install()
    before = user.everything()
    (user.bundle / "former").unlink()
    (user.path / tool).rename(user.path / "really")
    write(user.path / tool, f"#!/bin/sh\n{instead}\n").chmod(0o700)
    done = user.run(user.bundle / "install.sh")
    assert done.returncode != 0
    assert user.everything() == before


def test_an_installation_that_was_cut_off_is_made_up_for(user: User) -> None:
    user.install()
    user.app.rename(user.data / ".marina-app.outgoing")
    write(user.data / ".marina-app.incoming" / "half")
    user.install()
    user.uninstall()
    assert user.everything() == []


def test_a_program_of_the_same_name_that_is_not_ours_stays(user: User) -> None:
    own = write(user.home / ".local" / "bin" / "marina", "mine")
    assert "not Marina's; it stays" in user.install()
    user.uninstall()
    assert own.read_text(encoding="utf-8") == "mine"


def test_models_stay_and_are_named_until_they_are_to_go(user: User) -> None:
    model = write(user.data / "marina" / "model_store" / "digits.mar")
    user.install()
    assert f"Kept {model.parent.parent} (--purge removes it)" in user.uninstall()
    assert model.is_file()
    user.install()
    user.uninstall("--purge")
    assert not model.parent.parent.exists()


def test_a_home_that_was_chosen_is_named_and_never_removed(user: User, tmp_path: Path) -> None:
    model = write(tmp_path / "chosen" / "model_store" / "digits.mar")
    user.install()
    assert str(tmp_path / "chosen") in user.uninstall("--purge", MARINA_HOME=str(tmp_path / "chosen"))
    assert model.is_file()


def test_the_choices_for_other_files_stay(user: User) -> None:
    user.install()
    others = "[Default Applications]\ntext/plain=editor.desktop\n"
    chosen = write(
        user.home / ".config" / "mimeapps.list", f"{others}application/x-torch-model-archive=marina.desktop\n"
    )
    user.uninstall()
    assert chosen.read_text(encoding="utf-8") == others


@pytest.mark.parametrize("own", [True, False])
def test_only_an_entry_that_starts_this_marina_at_login_goes(user: User, own: bool) -> None:  # noqa: FBT001 - a parameter
    user.install()
    started = user.app / "marina" if own else Path("/opt/marina")
    entry = write(user.home / ".config" / "autostart" / "marina.desktop", autostart.entry([str(started)]))
    user.uninstall()
    assert entry.exists() is not own


def test_the_installed_one_does_not_install_itself(user: User) -> None:
    user.install()
    done = user.run(user.app / "install.sh")
    assert (done.returncode, "install.sh of the new one" in done.stderr) == (1, True)


@pytest.mark.parametrize(("script", "argument"), [("install.sh", "--system"), ("uninstall.sh", "--all")])
def test_an_unknown_argument_changes_nothing(user: User, script: str, argument: str) -> None:
    done = user.run(user.bundle / script, argument)
    assert (done.returncode, done.stderr.startswith("usage: "), user.everything()) == (1, True, [])


def test_uninstalling_what_is_not_installed_says_so(user: User) -> None:
    done = user.run(user.bundle / "uninstall.sh")
    assert (done.returncode, "is not installed for this user" in done.stderr) == (1, True)
