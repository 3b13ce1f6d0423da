"""What the desktop is told of Marina: files that have to agree with each other, and with the window."""

from __future__ import annotations

import configparser
import importlib
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

from gui import theme
from gui.desktop.icon import DRAWING, SIZES, drawn

ROOT = Path(__file__).parents[2]
LINUX = ROOT / "packaging" / "linux"
TYPE = "application/x-torch-model-archive"
MIME = "{http://www.freedesktop.org/standards/shared-mime-info}"
MODEL_ARCHIVE = DRAWING.with_name("model-archive.svg")


@pytest.fixture
def icons(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "packaging" / "bundle"))
    return importlib.import_module("icons")


def entry() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(LINUX / "marina.desktop", encoding="utf-8")
    return parser["Desktop Entry"]


def mime_types() -> dict[str, ET.Element]:
    root = ET.parse(LINUX / f"{TYPE.replace('/', '-')}.xml").getroot()
    return {element.attrib["type"]: element for element in root.iter(f"{MIME}mime-type")}


def shapes(drawing: Path) -> list[str]:
    paths = ET.parse(drawing).getroot().iter("{http://www.w3.org/2000/svg}path")
    return [path.attrib["d"] for path in paths]


def test_every_place_names_the_same_type(icons: ModuleType) -> None:
    assert entry()["MimeType"] == f"{TYPE};"
    assert TYPE in mime_types()
    assert f"type={TYPE}\n" in (LINUX / "common.sh").read_text(encoding="utf-8")
    assert icons.THEMED["model-archive"] == f"mimetypes/{TYPE.replace('/', '-')}"


def test_the_desktop_finds_the_entry_of_the_window(icons: ModuleType) -> None:
    said = re.findall(r'setDesktopFileName\("(\w+)"\)', "".join(path.read_text() for path in ROOT.glob("gui/**/*.py")))
    assert said == ["marina"]
    assert (entry()["StartupWMClass"], entry()["Icon"], icons.THEMED["marina"]) == ("marina", "marina", "apps/marina")
    assert (entry()["Exec"], entry()["StartupNotify"]) == ("marina %F", "true")


def test_the_content_decides_between_the_two_formats_of_one_ending() -> None:
    globs = {name: element.find(f"{MIME}glob") for name, element in mime_types().items()}
    said = {name: glob.attrib for name, glob in globs.items() if glob is not None}
    assert set(said) == {TYPE, "application/x-mozilla-update-archive"}
    assert all(attributes == {"pattern": "*.mar", "weight": "60"} for attributes in said.values())


def test_a_model_archive_is_told_by_the_magic_of_zip_archives_and_claims_no_others() -> None:
    archive = mime_types()[TYPE]
    parents = [parent.attrib["type"] for parent in archive.iter(f"{MIME}sub-class-of")]
    assert (parents, archive.find(f"{MIME}magic")) == (["application/zip"], None)


def test_the_icon_of_a_model_archive_has_the_boat_of_the_icon() -> None:
    assert shapes(DRAWING) == shapes(MODEL_ARCHIVE)[-2:]


def test_the_icons_have_the_accent_of_the_window() -> None:
    for drawing in (DRAWING, MODEL_ARCHIVE):
        assert theme.LIGHT.accent.name().upper() in drawing.read_text(encoding="utf-8")


@pytest.mark.parametrize("drawing", [DRAWING, MODEL_ARCHIVE])
@pytest.mark.parametrize("size", SIZES)
def test_every_size_shows_the_boat_on_the_accent(drawing: Path, size: int) -> None:
    picture = drawn(drawing, size)
    assert picture.size().width() == picture.size().height() == size
    sails = [picture.pixelColor(x, size * 7 // 16).lightnessF() for x in range(size // 4, 3 * size // 4)]
    assert max(sails) > 0.9
    assert picture.pixelColor(size // 2, size - 1) == theme.LIGHT.accent


def test_windows_and_macos_get_every_size(icons: ModuleType, tmp_path: Path) -> None:
    from PIL import Image  # noqa: PLC0415 - this test alone needs it

    icons.main(str(tmp_path))
    for name in ("marina", "model-archive"):
        with Image.open(tmp_path / f"{name}.ico") as icon:
            assert icon.info["sizes"] == {(size, size) for size in icons.WINDOWS_SIZES}
        with Image.open(tmp_path / f"{name}.icns") as icon:
            assert {width * scale for width, _height, scale in icon.info["sizes"]} >= set(icons.MACOS_SIZES)
