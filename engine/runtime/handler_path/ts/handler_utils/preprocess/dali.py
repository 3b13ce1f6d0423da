"""Image pipelines with NVIDIA DALI, which Marina does not run: the name that handlers import, which says so."""

from __future__ import annotations

from typing import Any

NOT_SUPPORTED = (
    "image pipelines with NVIDIA DALI are not supported; use the handler image_classifier, or build a pipeline of "
    "nvidia-dali in a handler of the archive"
)


def get_dali_pipeline(*_: Any, **__: Any) -> Any:
    """Raise NotImplementedError that names what to use instead."""
    raise NotImplementedError(NOT_SUPPORTED)
