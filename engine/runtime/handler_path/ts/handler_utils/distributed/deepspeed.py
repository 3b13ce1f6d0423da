"""Inference with DeepSpeed, as the section `deepspeed` of a model-config.yaml asks for. Needs deepspeed when called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...utils.packages import require

if TYPE_CHECKING:
    from ...context import Context

_WEIGHTS = (".bin", ".pt")


def get_ds_engine(model: Any, ctx: Context) -> Any:
    """Return DeepSpeed's engine around the model.

    `deepspeed: {config, checkpoint}` names JSON files of the archive, the first required. Raises ValueError for a
    section or file that is not there, ImportError without deepspeed.
    """
    section = (ctx.model_yaml_config or {}).get("deepspeed") or {}
    if "config" not in section:
        raise ValueError(f"The model-config of {ctx.model_name} has no deepspeed section with a config")
    files = {key: _file_of(ctx, key, section[key]) for key in ("config", "checkpoint") if key in section}
    return require("deepspeed", ctx, "get_ds_engine").init_inference(model, **files)


def create_checkpoints_json(model_path: str, checkpoints_json: str) -> None:
    """Write the JSON file that tells DeepSpeed of the weights below `model_path`."""
    weights = sorted(path.name for path in Path(model_path).rglob("*") if path.suffix in _WEIGHTS)
    content = {"type": "ds_model", "checkpoints": weights, "version": 1.0}
    Path(checkpoints_json).write_text(json.dumps(content), encoding="utf-8")


def _file_of(ctx: Context, key: str, name: str) -> str:
    path = Path(ctx.system_properties["model_dir"], name)
    if not path.is_file():
        raise ValueError(f"The deepspeed {key} {name} of {ctx.model_name} is not in the archive")
    return str(path)
