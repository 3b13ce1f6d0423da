"""Archives for tests: small ones from a handler's source, and the real Silero voice detector."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from engine.archives.packing import pack

SILERO_HANDLER = Path(__file__).parent.parent / "models" / "silero" / "silero_vad_handler.py"

NOOP = """
def handle(data, context):
    return None if data is None else ["OK"] * len(data)
"""


def archive(
    folder: Path,
    name: str = "noop",
    version: str = "1.0",
    *,
    source: str = NOOP,
    files: Mapping[str, Path | bytes] | None = None,
    config: str = "",
) -> Path:
    """Return `folder`/NAME-VERSION.mar, whose handler is the Python `source`; `config` is its model-config.yaml."""
    contents: dict[str, Path | bytes] = {"service.py": source.encode(), **(files or {})}
    config_file = "model-config.yaml" if config else ""
    if config:
        contents[config_file] = config.encode()
    path = folder / f"{name}-{version}.mar"
    return pack(path, model_name=name, version=version, handler="service.py", files=contents, config_file=config_file)


def silero_archive(folder: Path, version: str = "1.0") -> Path:
    """Return an archive of the Silero voice detector, with the network that the package `silero-vad` carries."""
    return pack(
        folder / f"silero-{version}.mar",
        model_name="silero",
        version=version,
        handler=SILERO_HANDLER.name,
        files={"silero_vad.jit": silero_network(), SILERO_HANDLER.name: SILERO_HANDLER},
        serialized_file="silero_vad.jit",
    )


def silero_network() -> Path:
    """Return the TorchScript file of the package, which is found without being imported."""
    found = importlib.util.find_spec("silero_vad")
    if found is None or found.origin is None:
        raise FileNotFoundError("silero-vad is not installed; it comes with the test dependencies")
    return Path(found.origin).parent / "data" / "silero_vad.jit"
