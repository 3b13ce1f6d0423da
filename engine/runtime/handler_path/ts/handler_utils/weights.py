"""Reading files that `torch.save` wrote, as data and never as code."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

TRUST_SWITCH = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_TRUE = ("1", "y", "yes", "true")  # as torch reads its switch


def load_weights(path: str, device: Any) -> Any:
    """Return the content of `path`, its tensors on `device` (None: where they were saved).

    Takes tensors and plain containers, since a pickle of anything else can run code. Raises RuntimeError that names the
    ways out for other content, unless the environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD says to trust it.
    """
    trusted = os.environ.get(TRUST_SWITCH, "").lower() in _TRUE
    try:
        return torch.load(path, map_location=device, weights_only=not trusted)
    except pickle.UnpicklingError as error:
        raise RuntimeError(
            f"{Path(path).name} holds more than tensors and plain containers, or is damaged, and is not run as code "
            "(weights_only=True). Save it as torch.save(model.state_dict(), ...), or a vocabulary as a dict; or let "
            "the archive's code allow the class with torch.serialization.add_safe_globals; or, if you trust the file, "
            f"start Marina with {TRUST_SWITCH}=1"
        ) from error
