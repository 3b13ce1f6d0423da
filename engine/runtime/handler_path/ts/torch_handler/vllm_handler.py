"""The built-in handler `vllm_handler`, which Marina does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base_handler import BaseHandler

if TYPE_CHECKING:
    from ..context import Context


class VLLMHandler(BaseHandler):
    """Can be derived from, but not be initialised."""

    def initialize(self, context: Context) -> None:
        """Raise NotImplementedError that names what to use instead."""
        raise NotImplementedError(
            f"{type(self).__name__} of model {context.model_name}: the built-in handler for vLLM is not supported, "
            "since vLLM's interface changes with each release; install vllm and bring a handler of your own in the "
            "archive, around vllm.LLM or an async engine"
        )
