"""Marina installed for a user with an empty home, as the desktop's own programs see it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine import VERSION

pytestmark = pytest.mark.bundle

ROOT = Path(__file__).parents[2]
TYPE = "application/x-torch-model-archive"
# Its identifier, the offset of its index, its length: what each of Mozilla's update archives begins with.
MOZILLA = b"MAR1" + (16).to_bytes(4) + (20).to_bytes(8) + bytes(4)


@dataclass(frozen=True)
class User:
    """Somebody with a home of their own."""

    home: Path

    @property
    def data(self) -> Path:
        return self.home / ".local" / "share"

    def run(self, *command: str | Path, desktop: str = "") -> str:
        hidden = ("DISPLAY", "WAYLAND_DISPLAY", "KDE_SESSION_VERSION", "DBUS_SESSION_BUS_ADDRESS")
        kept = {name: value for name, value in os.environ.items() if name not in hidden and name[:4] != "XDG_"}
        own = kept | {"HOME": str(self.home), "XDG_CURRENT_DESKTOP": desktop}
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout.strip()


def tiny_bundle(folder: Path) -> Path:
    """A folder like PyInstaller's, but with nothing in its programs."""
    for program in ("marina", "marina-server"):
        (folder / program).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(shutil.which("true")), folder / program)
    (folder / "_internal").mkdir()
    (folder / "_internal" / "libmarina.so").symlink_to("../marina")
    return folder


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder out of the archive that people get, made of a tiny bundle."""
    folder = tmp_path_factory.mktemp("dist")
    tiny_bundle(folder / "marina")
    subprocess.run([sys.executable, ROOT / "packaging" / "bundle" / "archive.py", folder / "marina"], check=True)
    (archive,) = folder.glob("marina-*-linux-*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture
def user(tmp_path: Path) -> User:
    (tmp_path / "home").mkdir()
    return User(tmp_path / "home")


@pytest.fixture
def installed(user: User, unpacked: Path) -> User:
    user.run(unpacked / "install.sh")
    return user


def test_the_entry_of_the_menu_is_valid(installed: User) -> None:
    entry = installed.data / "applications" / "marina.desktop"
    assert installed.run("desktop-file-validate", entry) == ""


def test_the_entry_is_valid_in_a_home_with_blanks(tmp_path: Path, unpacked: Path) -> None:
    user = User(tmp_path / "my home is 100% $mine")
    user.home.mkdir()
    user.run(unpacked / "install.sh")
    assert user.run("desktop-file-validate", user.data / "applications" / "marina.desktop") == ""
    user.run(user.data / "marina-app" / "uninstall.sh")
    assert list(user.home.rglob("*")) == []


# Without a desktop xdg-mime asks Perl's mimetype, on GNOME and its kin it asks GLib.
@pytest.mark.parametrize("desktop", ["", "GNOME"])
@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("digits.mar", None, TYPE),
        ("update.mar", MOZILLA, "application/x-mozilla-update-archive"),
        ("plain.zip", None, "application/zip"),
        ("noname", None, "application/zip"),
        ("MAR1.txt", b"MAR1 is no archive, but a word\n", "text/plain"),
    ],
)
def test_files_are_told_apart_by_what_is_in_them(
    installed: User, tmp_path: Path, name: str, content: bytes | None, expected: str, desktop: str
) -> None:
    path = tmp_path / name
    path.write_bytes((ROOT / "resources" / "sample" / "digits.mar").read_bytes() if content is None else content)
    assert installed.run("xdg-mime", "query", "filetype", path, desktop=desktop) == expected


@pytest.mark.parametrize("desktop", ["", "GNOME"])
def test_model_archives_open_with_marina(installed: User, desktop: str) -> None:
    assert installed.run("xdg-mime", "query", "default", TYPE, desktop=desktop) == "marina.desktop"
    assert "marina.desktop" in installed.run("gio", "mime", TYPE)


def test_another_program_that_was_chosen_stays_chosen(user: User, unpacked: Path) -> None:
    entry = user.data / "applications" / "other.desktop"
    entry.parent.mkdir(parents=True)
    entry.write_text(f"[Desktop Entry]\nType=Application\nName=Other\nExec=true %f\nMimeType={TYPE};\n")
    user.run("xdg-mime", "default", "other.desktop", TYPE)
    user.run(unpacked / "install.sh")
    assert user.run("xdg-mime", "query", "default", TYPE) == "other.desktop"


def test_nothing_is_left_behind(installed: User, tmp_path: Path) -> None:
    installed.run(installed.data / "marina-app" / "uninstall.sh")
    assert list(installed.home.rglob("*")) == []
    archive = tmp_path / "digits.mar"
    shutil.copy(ROOT / "resources" / "sample" / "digits.mar", archive)
    assert installed.run("xdg-mime", "query", "filetype", archive) == "application/zip"
    assert installed.run("xdg-mime", "query", "default", TYPE) == ""


def test_links_between_libraries_stay_links(installed: User) -> None:
    link = installed.data / "marina-app" / "_internal" / "libmarina.so"
    assert (link.is_symlink(), link.resolve()) == (True, installed.data / "marina-app" / "marina")


def test_the_built_bundle_is_installed_and_removed(user: User, tmp_path: Path) -> None:
    archive = next((ROOT / "dist").glob("marina-*-linux-*.tar.gz"), None)
    if archive is None:
        pytest.skip("there is no bundle in dist/; `make bundle` makes one")
    user.run("tar", "-xzf", archive, "-C", tmp_path)
    user.run(tmp_path / archive.name.removesuffix(".tar.gz") / "install.sh")
    assert user.run(user.home / ".local" / "bin" / "marina-server", "--version") == f"Marina {VERSION}"
    user.run(user.data / "marina-app" / "uninstall.sh")
    assert list(user.home.rglob("*")) == []


def test_the_scripts_are_plain_posix() -> None:
    subprocess.run(
        ["shellcheck", "-x", *sorted((ROOT / "packaging" / "linux").glob("*.sh"))],
        cwd=ROOT, check=True,
    )  # fmt: skip
