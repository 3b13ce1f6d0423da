"""Makes the icons of the bundle out of the two drawings in resources/icons.

Run by the spec, with the folder to write them into; the archive has those of an icon theme. Needs Qt, but no display.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QBuffer

from gui.desktop.icon import drawn

ROOT = Path(__file__).resolve().parents[2]
DRAWINGS = ROOT / "resources" / "icons"
# The place in an icon theme of each drawing; a file's icon is found by the name of its MIME type.
THEMED = {"marina": "apps/marina", "model-archive": "mimetypes/application-x-torch-model-archive"}
THEME_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
WINDOWS_SIZES = (16, 20, 24, 32, 40, 48, 64, 256)
MACOS_SIZES = (32, 64, 128, 256, 512, 1024)


def main(folder: str) -> int:
    """Write NAME.ico and NAME.icns for both drawings into `folder`; returns the exit code."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in THEMED:
        write_program_icons(name, Path(folder))
    return 0


def write_program_icons(name: str, folder: Path) -> None:
    """Write Windows' and macOS' form of one drawing."""
    for ending, sizes in (("ico", WINDOWS_SIZES), ("icns", MACOS_SIZES)):
        *smaller, largest = (picture(name, size) for size in sizes)
        largest.save(folder / f"{name}.{ending}", sizes=[(size, size) for size in sizes], append_images=smaller)


def write_theme(folder: Path) -> None:
    """Write the icons of both drawings below `folder`, as an icon theme has them (Icon Theme Specification)."""
    for name, place in THEMED.items():
        scalable = folder / "scalable" / f"{place}.svg"
        scalable.parent.mkdir(parents=True, exist_ok=True)
        scalable.write_bytes((DRAWINGS / f"{name}.svg").read_bytes())
        for size in THEME_SIZES:
            path = folder / f"{size}x{size}" / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(name, size).save(path, optimize=True)


def picture(name: str, size: int) -> Image.Image:
    """Return a drawing as a picture of `size` pixels."""
    buffer = QBuffer()
    # PySide6 has the name of a format as text, but its types say bytes.
    drawn(DRAWINGS / f"{name}.svg", size).save(buffer, "PNG")  # type: ignore[call-overload]
    return Image.open(io.BytesIO(buffer.data().data()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
