"""The built-in handler `object_detector`: boxes around what an image shows. Needs torchvision."""

from __future__ import annotations

from typing import Any

from ..handler_utils.timer import timed
from ..utils.packages import LazyAttribute, require
from ..utils.util import map_class_to_label
from .vision_handler import VisionHandler


class ObjectDetector(VisionHandler):
    """For models as torchvision's: a dict of "boxes" [n, 4], "labels" [n] and "scores" [n] for each image."""

    threshold = 0.5

    @LazyAttribute
    def image_processing(self) -> Any:
        """From a PIL image to a float tensor [3, height, width]."""
        transforms = require("torchvision.transforms", self)
        return transforms.Compose([transforms.ToTensor()])

    @timed
    def postprocess(self, data: Any) -> list[Any]:
        """Return for each image a list of {label: box, "score": score}, of what scores at least `threshold`."""
        return [self._name_objects(image) for image in data]

    def _name_objects(self, image: dict[str, Any]) -> list[dict[str, Any]]:
        likely = image["scores"] >= self.threshold
        boxes, labels, scores = (image[key][likely].tolist() for key in ("boxes", "labels", "scores"))
        named = map_class_to_label([[box] for box in boxes], self.mapping, [[label] for label in labels])
        return [{**box, "score": score} for box, score in zip(named, scores)]
