"""The handler that those for PiPPy derive from, whose project has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...handler_utils.distributed.pt_pippy import NOT_SUPPORTED
from ..base_handler import BaseHandler

if TYPE_CHECKING:
    from ...context import Context


class BasePippyHandler(BaseHandler):
    """Can be derived from, but not be initialised."""

    def initialize(self, context: Context) -> None:
        """Raise NotImplementedError that names what to use instead."""
        raise NotImplementedError(f"{type(self).__name__} of model {context.model_name}: {NOT_SUPPORTED}")
