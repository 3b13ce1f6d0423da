"""What the section `pt2` of a model-config.yaml asks for: torch.compile, or a model compiled ahead of time."""

from __future__ import annotations

import logging
from typing import Any

import torch

from ..utils.packages import import_if_installed
from ..utils.util import check_valid_pt2_backend

logger = logging.getLogger(__name__)

# Backends that torch knows once their package is imported.
_BACKEND_MODULES = {"openvino": "openvino.torch", "tensorrt": "torch_tensorrt"}


def compile_options(section: Any) -> dict[str, Any] | None:
    """Return the keywords for torch.compile, None for no compilation; raises ValueError for what is no such section.

    TorchServe: `compile: {enable: true, backend: ...}`, before that the name of a backend or a dict of keywords.
    """
    if section is None:
        return None
    if isinstance(section, str):
        return {"backend": section}
    if not isinstance(section, dict):
        raise ValueError(f"pt2 in the model-config should be a backend or a section, not {section!r}")  # noqa: TRY004
    if "compile" in section:
        options = dict(section["compile"] or {})
        return options if options.pop("enable", False) is True else None
    return None if "export" in section else dict(section)


def uses_aot_compile(section: Any) -> bool:
    """Whether the model was compiled ahead of time, with torch.export and AOTInductor."""
    export = section.get("export") if isinstance(section, dict) else None
    return isinstance(export, dict) and export.get("aot_compile") is True


def compile_model(model: Any, options: dict[str, Any]) -> Any:
    """Return the model compiled with `options`; as it was, after a warning, where that is not possible.

    torch compiles at the first call of the model; what fails then is warned about as well, and runs uncompiled.
    """
    backend = options.get("backend", "inductor")
    if not check_valid_pt2_backend(backend):
        return model
    try:
        if backend in _BACKEND_MODULES:
            import_if_installed(_BACKEND_MODULES[backend])
        compiled = torch.compile(model, **options)
        torch._dynamo.config.suppress_errors = True  # noqa: SLF001 - torch documents it under this name
    except Exception as error:  # noqa: BLE001 - an uncompiled model serves as well
        logger.warning("Compiling the model with %s failed, it stays uncompiled: %s", options, error)
        return model
    logger.info("Compiling the model with %s", options)
    return compiled
