"""The built-in handler `trt_llm_handler`, which Marina does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base_handler import BaseHandler

if TYPE_CHECKING:
    from ..context import Context


class TRTLLMHandler(BaseHandler):
    """Can be derived from, but not be initialised."""

    def initialize(self, context: Context) -> None:
        """Raise NotImplementedError that names what to use instead."""
        raise NotImplementedError(
            f"{type(self).__name__} of model {context.model_name}: the built-in handler for TensorRT-LLM is not "
            "supported; install tensorrt_llm and bring a handler of your own in the archive"
        )
