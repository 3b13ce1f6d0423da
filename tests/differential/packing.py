"""Packs the handlers of this folder as users do, with TorchServe's own torch-model-archiver. Blocking."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.differential.environment import program

HANDLERS = Path(__file__).parent / "handlers"


@dataclass(frozen=True)
class Archive:
    """A version of a model; `config` is the text of its model-config.yaml, "" for none."""

    name: str
    handler: str
    version: str = "1.0"
    config: str = ""

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}.mar"


def pack(archives: tuple[Archive, ...], store: Path) -> None:
    """Put each archive into `store`, a few at a time: most of the archiver's time is its start."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda archive: _pack(archive, store), archives))


def _pack(archive: Archive, store: Path) -> None:
    folder = store.parent / "packing" / archive.file
    folder.mkdir(parents=True)
    command = [program("torch-model-archiver"), "--model-name", archive.name, "--version", archive.version]
    command += ["--handler", str(HANDLERS / archive.handler), "--export-path", str(folder)]
    if archive.config:
        config = folder / "model-config.yaml"
        config.write_text(archive.config, encoding="utf-8")
        command += ["--config-file", str(config)]
    # The archiver gathers its files in a folder for temporary files, which two of them must not share.
    done = subprocess.run(
        command, env={**os.environ, "TMPDIR": str(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder / f"{archive.name}.mar").rename(store / archive.file)
