"""The handler that those for NVIDIA DALI derive from, which Marina does not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..handler_utils.preprocess.dali import NOT_SUPPORTED
from .base_handler import BaseHandler

if TYPE_CHECKING:
    from ..context import Context


class DALIHandler(BaseHandler):
    """Can be derived from, but not be initialised."""

    def initialize(self, context: Context) -> None:
        """Raise NotImplementedError that names what to use instead."""
        raise NotImplementedError(f"{type(self).__name__} of model {context.model_name}: {NOT_SUPPORTED}")
