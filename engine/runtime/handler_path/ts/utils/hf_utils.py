"""Fetches models from the Hugging Face hub."""

from __future__ import annotations

from typing import Any

from .packages import require

# What checkpoints for PyTorch are made of.
PATTERNS = ("*.json", "*.pt", "*.bin", "*.txt", "*.model", "*.pth", "*.safetensors")


def download_model(
    model_id: str = "meta-llama/Meta-Llama-3.1-8B-Instruct",
    revision: str = "main",
    model_path: str = ".cache",
    use_auth_token: bool | str = True,
) -> str:
    """Download a model below `model_path` and return its folder.

    `use_auth_token` is a token, or whether to use the one that this machine is logged in with.
    """
    hub: Any = require("huggingface_hub", None, __name__)
    folder: str = hub.snapshot_download(
        repo_id=model_id,
        revision=revision,
        allow_patterns=list(PATTERNS),
        cache_dir=model_path,
        token=use_auth_token,
    )
    return folder
