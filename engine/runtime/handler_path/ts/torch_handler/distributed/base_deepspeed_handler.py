"""The handler that those for DeepSpeed derive from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..base_handler import BaseHandler

if TYPE_CHECKING:
    from ...context import Context


class BaseDeepSpeedHandler(BaseHandler):
    """Derive from it, and make `self.model` with `ts.handler_utils.distributed.deepspeed.get_ds_engine`."""

    def initialize(self, context: Context) -> None:  # noqa: ARG002 - TorchServe's signature
        """Take the device that the process's rank names (TorchServe: its number alone); loads no model."""
        self.device = int(os.environ.get("LOCAL_RANK", "0"))
