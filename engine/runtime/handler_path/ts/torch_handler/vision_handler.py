"""The handler that those for images derive from; needs pillow, and captum for explanations."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import torch

from ..handler_utils.timer import timed
from ..utils.packages import LazyAttribute, require
from .base_handler import BaseHandler

if TYPE_CHECKING:
    from ..context import Context

EXPLANATION_STEPS = 15


class VisionHandler(BaseHandler):
    """Derive from it and set `image_processing`, which makes a tensor from a PIL image."""

    image_processing: Any

    def initialize(self, context: Context) -> None:
        """Load the model; raises ImportError that names the package which preprocessing needs and does not find."""
        self.manifest = context.manifest
        image = require("PIL.Image", self)
        getattr(self, "image_processing", None)  # what it needs is missed now, and not at the first request
        super().initialize(context)
        if not context.system_properties.get("limit_max_image_pixels", True):
            image.MAX_IMAGE_PIXELS = None

    @LazyAttribute
    def ig(self) -> Any:
        """Captum's integrated gradients of the model; raises ImportError without captum."""
        return require("captum.attr", self).IntegratedGradients(self.model)

    @timed
    def preprocess(self, data: list[Any]) -> Any:
        """Return one tensor of all images: files, such in base64, or nested lists of numbers; sizes must agree."""
        return torch.stack([self._to_tensor(row) for row in data]).to(self.device)

    def get_insights(self, tensor_data: Any, _: Any, target: Any = 0) -> list[Any]:
        """Return for each image how much each of its numbers speaks for the class `target`, in the image's shape."""
        return self.ig.attribute(tensor_data, target=int(target), n_steps=EXPLANATION_STEPS).tolist()  # type: ignore[no-any-return]  # captum is untyped

    def _to_tensor(self, row: Any) -> Any:
        # An envelope gives the images themselves.
        image = (row.get("data") or row.get("body")) if isinstance(row, dict) else row
        if isinstance(image, str):
            image = base64.b64decode(image)
        if isinstance(image, (bytes, bytearray)) and image:
            return self.image_processing(require("PIL.Image", self).open(io.BytesIO(image)))
        if image is None or isinstance(image, (bytes, bytearray, dict)):
            raise ValueError('A request has no image: neither a body, nor an input named "data" or "body"')
        return torch.FloatTensor(image)
