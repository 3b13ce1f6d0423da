"""`make screenshots`: takes the pictures of docs/images, at 100 % and 200 %, light and dark, into build/screenshots.

Starts a virtual display of its own, or uses Qt's platform without a screen, saying so. The few pictures that the
documents show are made small and kept in docs/images.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "screenshots"
KEPT = ROOT / "docs" / "images"
# The pictures show this path: it is the same on every machine.
HOME = Path("/tmp/marina")
# Each with its factor, and the seconds for which models work first: one set has graphs that are full.
SCALES = {"1x": ("1", 200), "2x": ("2", 15)}
SCREEN = "2880x1800x24"
COLOURS = 255
KEEP = {
    "window": "2x/workers-busy-light",
    "window-dark": "2x/workers-busy-dark",
    "first-run": "1x/first-run-light",
    "failed-worker": "1x/failed-worker-light",
    "graphs": "1x/graphs-dark",
    "queue": "1x/queue-light",
    "log": "1x/log-dark",
    "try-it": "1x/try-it-light",
    "palette": "1x/palette-dark",
    "register": "2x/register-light",
    "make-archive": "2x/make-archive-light",
    "settings": "2x/settings-server-light",
}


def main() -> int:
    """Take all pictures and keep the few; returns the exit status."""
    started = time.monotonic()
    shutil.rmtree(PICTURES, ignore_errors=True)
    with display() as environment:
        for name, (factor, warm_up) in SCALES.items():
            folder = PICTURES / name
            folder.mkdir(parents=True)
            take(folder, {**environment, "QT_SCALE_FACTOR": factor}, warm_up)
    size = sum(keep(target, source) for target, source in KEEP.items())
    taken = len(list(PICTURES.glob("*/*.png")))
    seconds = time.monotonic() - started
    say(f"{taken} pictures in {PICTURES}, {len(KEEP)} of them kept in {KEPT} ({size / 1e6:.1f} MB); {seconds:.0f} s")
    return 0


@contextlib.contextmanager
def display() -> Iterator[dict[str, str]]:
    """Give the environment of a virtual display, which ends with the block."""
    program = shutil.which("Xvfb")
    if program is None:
        say("Xvfb is missing, so the pictures are drawn without a display; fonts may look different.")
        yield {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        return
    reading, writing = os.pipe()
    command = [program, "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        yield {**os.environ, "QT_QPA_PLATFORM": "xcb", "DISPLAY": f":{number}"}
    finally:
        server.terminate()
        server.wait()


def take(folder: Path, environment: dict[str, str], warm_up: int) -> None:
    """Play the scenes once, in a process and a home of their own."""
    HOME.mkdir(mode=0o700)
    try:
        own = {"MARINA_HOME": str(HOME), "XDG_CONFIG_HOME": str(HOME / "config"), "LANG": "C.UTF-8"}
        command = [sys.executable, "-m", "tests.screenshots.session", str(folder), str(warm_up)]
        subprocess.run(command, cwd=ROOT, env={**environment, **own}, check=True)
    finally:
        shutil.rmtree(HOME)


def keep(target: str, source: str) -> int:
    """Put a picture into docs/images, in few colours; returns its bytes."""
    path = KEPT / f"{target}.png"
    with Image.open(PICTURES / f"{source}.png") as picture:
        # Of the methods this one alone keeps colours that few pixels have: those of the states.
        few = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
    return path.stat().st_size


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
