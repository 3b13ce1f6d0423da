"""Streaming of intermediate results, and import of a class by its dotted name."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from ..context import Context
from ..protocol.otf_message_handler import create_predict_response

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["Context", "create_predict_response", "import_class", "send_intermediate_predict_response"]


def send_intermediate_predict_response(
    ret: list[Any],
    req_id_map: dict[int, str] | None,  # noqa: ARG001 - handlers pass it; the batch is known
    message: str,
    code: int,
    context: Context | None = None,
) -> None:
    """Send one piece of its answer to each request of the batch; the handler's return value ends the answers.

    Does nothing on ranks other than 0. Raises PredictionException with `message` for a `code` other than 200, and
    ValueError without a context that belongs to a running batch.
    """
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return
    if context is None or context.cl_socket is None:
        raise ValueError("Intermediate results need the context of a running batch")
    context.cl_socket.send_partial(ret, message, code)


def import_class(class_name: str, module_prefix: str | None = None) -> type[Any]:
    """Import "package.module.Class", below `module_prefix` if given; raises ImportError on any failure."""
    module_name, _, name = class_name.rpartition(".")
    full_name = ".".join(part for part in (module_prefix, module_name) if part)
    try:
        module: ModuleType = importlib.import_module(full_name)
        found: type[Any] = getattr(module, name)
    except Exception as error:
        raise ImportError(f"Failed to import class {name!r} from {full_name!r}: {error}") from error
    return found
