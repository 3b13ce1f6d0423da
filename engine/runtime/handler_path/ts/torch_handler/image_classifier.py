"""The built-in handler `image_classifier`: the likeliest classes of an image. Needs torchvision."""

from __future__ import annotations

from typing import Any

import torch

from ..handler_utils.imagenet import imagenet_processing
from ..handler_utils.timer import timed
from ..utils.packages import LazyAttribute
from ..utils.util import map_class_to_label
from .vision_handler import VisionHandler


class ImageClassifier(VisionHandler):
    """For models from [images, 3, 224, 224] to [images, classes], the values before the softmax."""

    topk = 5
    image_processing = LazyAttribute(imagenet_processing)

    def set_max_result_classes(self, topk: int) -> None:
        """Set how many classes an answer holds, of as many as the model has."""
        self.topk = topk

    def get_max_result_classes(self) -> int:
        """Return how many classes an answer holds."""
        return self.topk

    @timed
    def postprocess(self, data: Any) -> list[dict[str, float]]:
        """Return label to probability for each image, the likeliest first."""
        probabilities = torch.softmax(data, dim=1)
        likeliest = torch.topk(probabilities, min(self.topk, probabilities.shape[1]), dim=1)
        return map_class_to_label(likeliest.values.tolist(), self.mapping, likeliest.indices.tolist())
