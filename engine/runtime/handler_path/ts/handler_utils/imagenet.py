"""The usual steps from an image to what a network trained on ImageNet takes."""

from __future__ import annotations

from typing import Any

from ..utils.packages import require

RESIZED, CROPPED = 256, 224  # pixels
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def _in_colour(image: Any) -> Any:
    return image.convert("RGB")


def imagenet_processing(handler: Any) -> Any:
    """Return torchvision's steps for `handler`, from a PIL image to a float tensor [3, 224, 224]; needs torchvision."""
    transforms = require("torchvision.transforms", handler)
    return transforms.Compose(
        [
            _in_colour,
            transforms.Resize(RESIZED),
            transforms.CenterCrop(CROPPED),
            transforms.ToTensor(),
            transforms.Normalize(mean=MEAN, std=DEVIATION),
        ]
    )
