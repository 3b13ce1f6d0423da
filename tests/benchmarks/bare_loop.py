"""One process that calls the handler of an archive with the same batch again and again, with no server around it.

`python -m tests.benchmarks.bare_loop ARCHIVE BATCH SECONDS CONTENT_TYPE BODY`, BODY being a file. Says "ready" once it
is warm, begins at a line on standard input, so that several begin together, and prints how many inputs a second it got
through. Needs `ts` on the module path, as workers have it.
"""

from __future__ import annotations

import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from engine.runtime.decoding import decode_value
from engine.runtime.loading import LoadedModel, load_model, read_manifest
from engine.runtime.process import enter_model
from ts.context import RequestProcessor
from ts.metrics.emission import set_sink

WARM_UP = 5  # calls
CONFIG = "model-config.yaml"


def load(archive: str, folder: str, batch: int) -> LoadedModel:
    """Unpack and load an archive as a worker does."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
        has_config = CONFIG in packed.namelist()
    model: dict[str, Any] = (read_manifest(folder) or {})["model"]
    enter_model(folder, model["handler"])
    known = {"model_name": model["modelName"], "model_dir": folder, "handler": model["handler"], "batch_size": batch}
    no_more: dict[str, Any] = {"gpu_id": None, "limit_max_image_pixels": True, "server_version": "", "model_config": {}}
    loaded = load_model({**known, **no_more, "config_file": CONFIG if has_config else ""})
    set_sink(lambda _metric: None)
    loaded.context.request_processor = [RequestProcessor({}) for _ in range(batch)]
    loaded.context.request_ids = {index: str(index) for index in range(batch)}
    return loaded


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(archive: str, batch: str, seconds: str, content_type: str, body: str) -> float:
    """Return how many inputs a second."""
    rows = [{"body": decode_value(content_type, bytearray(Path(body).read_bytes()))}] * int(batch)
    with tempfile.TemporaryDirectory() as folder:
        model = load(archive, folder, int(batch))
        for _ in range(WARM_UP):
            model.handle(rows, model.context)
        say("ready")
        sys.stdin.readline()
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < float(seconds):
            model.handle(rows, model.context)
            done += 1
        return done * int(batch) / (time.perf_counter() - started)


if __name__ == "__main__":
    say(f"{main(*sys.argv[1:])}")
