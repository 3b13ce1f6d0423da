"""The archives that the pictures show: the sample in two versions, the Silero voice detector, and small handlers."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from engine.archives.packing import pack
from tests.support.archives import archive, silero_archive

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "resources" / "sample"

ECHO = """
def handle(data, context):
    return None if data is None else [row.get("body") or row.get("data") for row in data]
"""

SUMMARIZER = """
import logging
import time

log = logging.getLogger(__name__)

def handle(data, context):
    if data is None:
        return None
    started = time.perf_counter()
    for number, row in enumerate(data, 1):
        time.sleep(0.12)
        log.info("text %d of %d: %d characters", number, len(data), len(row.get("body") or b""))
    seconds = time.perf_counter() - started
    if seconds > 0.9:
        log.warning("a batch of %d took %.2f s", len(data), seconds)
    return [{"summary": "Ships leave at noon."}] * len(data)
"""

SIGNS = """
class SignsHandler:
    def initialize(self, context):
        self.labels = self.read_labels(43, 58)

    def read_labels(self, named, given):
        if named != given:
            raise ValueError(f"labels.json names {named} signs, the network tells {given} apart")

    def handle(self, data, context):
        return [0] * len(data)
"""

HEATMAP = """
import io

from PIL import Image, ImageOps

def handle(data, context):
    if data is None:
        return None
    context.set_response_content_type(0, "image/png")
    return [picture(row.get("body") or row.get("data")) for row in data]

def picture(body):
    grey = Image.open(io.BytesIO(body)).convert("L").resize((360, 360), Image.Resampling.BICUBIC)
    coloured = ImageOps.colorize(grey, "#10161b", "#f7e08a", mid="#b8404e")
    file = io.BytesIO()
    coloured.save(file, "PNG")
    return file.getvalue()
"""


def make_archives(folder: Path) -> dict[str, Path]:
    """Make every archive in `folder`; names to files."""
    folder.mkdir()
    shutil.copy(SAMPLE / "four.png", folder)
    made = {
        "digits": folder / "digits.mar",
        "digits-2": digits(folder, "2.0"),
        "echo": archive(folder, "echo", source=ECHO),
        "summarizer": archive(folder, "summarizer", source=SUMMARIZER, config="batchSize: 4\nmaxBatchDelay: 50\n"),
        "street-signs": archive(folder, "street-signs", "4.1", source=SIGNS),
        "heatmap": archive(folder, "heatmap", "0.9", source=HEATMAP),
        "voice": silero_archive(folder),
    }
    shutil.copy(SAMPLE / "digits.mar", made["digits"])
    return made


def digits(folder: Path, version: str) -> Path:
    """The sample once more, as another version."""
    with zipfile.ZipFile(SAMPLE / "digits.mar") as sample:
        files: dict[str, Path | bytes] = {
            name: sample.read(name) for name in sample.namelist() if not name.startswith("MAR-INF/")
        }
    return pack(
        folder / f"digits-{version}.mar",
        model_name="digits",
        version=version,
        handler="digits_handler.py",
        files=files,
        serialized_file="digits.pt",
        description="Reads one handwritten digit from an image",
    )


def model_folder(folder: Path) -> Path:
    """A folder as people keep a model, for the assistant."""
    with zipfile.ZipFile(SAMPLE / "digits.mar") as sample:
        sample.extractall(folder, [name for name in sample.namelist() if not name.startswith("MAR-INF/")])
    (folder / "requirements.txt").write_text("pillow>=11\n", encoding="utf-8")
    (folder / "model-config.yaml").write_text("batchSize: 8\n", encoding="utf-8")
    (folder / "labels").mkdir()
    (folder / "labels" / "en.json").write_text('["zero", "one", "two"]\n', encoding="utf-8")
    return folder
