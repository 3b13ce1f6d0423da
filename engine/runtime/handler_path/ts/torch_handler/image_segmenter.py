"""The built-in handler `image_segmenter`: the class of every pixel. Needs torchvision."""

from __future__ import annotations

from typing import Any

import torch

from ..handler_utils.imagenet import imagenet_processing
from ..handler_utils.timer import timed
from ..utils.packages import LazyAttribute
from .vision_handler import VisionHandler


class ImageSegmenter(VisionHandler):
    """For models from [images, 3, 224, 224] to {"out": [images, classes, height, width]}, before the softmax."""

    image_processing = LazyAttribute(imagenet_processing)

    @timed
    def postprocess(self, data: Any) -> list[Any]:
        """Return for each image rows of pixels, each pixel [class, probability]."""
        probabilities, classes = torch.softmax(data["out"], dim=1).max(dim=1)
        pixels: list[Any] = torch.stack([classes.to(probabilities.dtype), probabilities], dim=3).tolist()
        return pixels
